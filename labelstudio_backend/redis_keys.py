"""Every key this package writes to Redis, and how long each lives.

    esam:accounts                where Label Studios are, and their tokens, by id  (account_store)
    esam:accounts:used           ids of accounts by when they were used last
    esam:warm:<id>               where an image is that is on its way to the cache; empty when it
                                 is there or cannot be fetched                 (warm_start)
    esam:runs                    ids of runs by time                           (runs.run_store)
    esam:run:<id>                the run, its state and counters
    esam:run:<id>:chunks         chunks that are not done, by id
    esam:run:<id>:attempts       how often a chunk was begun
    esam:run:<id>:tasks          ids of all tasks found
    esam:run:<id>:done           ids of tasks that got a prediction, or whose masks are learned from
    esam:run:<id>:skipped        ids of tasks that hold nothing to predict, or to learn, from
    esam:run:<id>:already        ids of tasks that had a prediction
    esam:run:<id>:failed         reasons by task id
    esam:run:<id>:boxes          boxes of a file by task, or by a hash of the image's name
    esam:run:<id>:objects        accepted masks to learn from, by task         (runs.lesson_store)
    esam:run:<id>:lesson         a decoder that is learning, with all it needs to go on
    esam:run:<id>:pictures       pictures of what it changed, by name
    esam:learning:<project>      id of the run that learns from a project
    esam:selection:<project>     id of the run that "Retrieve predictions" feeds
    esam:models                  what is known of learned models, by version   (models.model_store)
    esam:model:<version>         a learned model's decoder file
    esam:project-models          projects that use, or used, a version of their own
    esam:project-models:<project>  the versions that a project used, the latest first

Learned models, accounts and a run that goes on have no expiry, so that ``volatile-lru`` never
evicts them.
"""

from typing import Final

WARM_TTL_S: Final = 3600
ENDED_RUN_TTL_S: Final = 30 * 24 * 3600

ACCOUNTS_KEY: Final = "esam:accounts"
ACCOUNTS_USED_KEY: Final = "esam:accounts:used"
RUNS_KEY: Final = "esam:runs"
MODELS_KEY: Final = "esam:models"
PROJECT_MODELS_KEY: Final = "esam:project-models"


def warm_key(image_id: str) -> str:
    """Key of an image that was asked for already."""
    return f"esam:warm:{image_id}"


def run_key(run_id: str, part: str = "") -> str:
    """Key of a run, or of a part of it."""
    return f"esam:run:{run_id}:{part}" if part else f"esam:run:{run_id}"


def selection_key(project: str) -> str:
    """Key of the run that takes the tasks selected in a project."""
    return f"esam:selection:{project}"


def learning_key(project: str) -> str:
    """Key of the run that learns from a project."""
    return f"esam:learning:{project}"


def model_key(version: str) -> str:
    """Key of a learned model's decoder file."""
    return f"esam:model:{version}"


def project_models_key(project: str) -> str:
    """Key of the versions that a project used."""
    return f"{PROJECT_MODELS_KEY}:{project}"
