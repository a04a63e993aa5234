"""Work on whole projects, with a Label Studio that stands in and nobody who does the jobs."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from redis import Redis

from core import Predictor
from labelstudio_backend import (
    BackendSettings,
    Projects,
    ProjectWork,
    project_work,
    warm_start,
)
from labelstudio_backend.errors import LabelStudioUnknown
from labelstudio_backend.projects import ProjectSetup
from labelstudio_backend.settings import Prelabel
from tests.label_studio_stand_in import LabelStudioStandIn
from worker import PREFETCH, WorkerError, connect_redis, count_waiting_jobs

PROJECT = "1.1795469646"


@pytest.fixture
def studio() -> Iterator[LabelStudioStandIn]:
    with LabelStudioStandIn() as server:
        server.add_tasks([{"image": f"/data/upload/1/{n}.jpg"} for n in range(3)])
        yield server


def make_work(
    redis: Redis,
    predictor: Predictor,
    studio: LabelStudioStandIn | None = None,
    prelabel: Prelabel = "regions",
) -> ProjectWork:
    """Work of a service that ``studio`` introduced itself to."""
    projects = Projects()
    if studio is not None:
        projects.remember(PROJECT, ProjectSetup(studio.url, SecretStr(studio.token or "")))
    return ProjectWork(redis, predictor, BackendSettings(prelabel=prelabel), projects)


@pytest.mark.parametrize("prelabel", ["regions", "everything"])
def test_selected_tasks_are_labelled_as_the_setting_says(
    redis: Redis, predictor: Predictor, studio: LabelStudioStandIn, prelabel: Prelabel
) -> None:
    work = make_work(redis, predictor, studio, prelabel)
    work.label_tasks(PROJECT, [1, 3], work.find_account(1))
    ((run, progress),) = work.runs.list_runs()
    assert (run.is_selection, run.options.prompts.value) == (True, prelabel)
    assert (run.project_key, progress.total) == (PROJECT, 2)


def test_without_a_label_studio_it_says_what_to_set(redis: Redis, predictor: Predictor) -> None:
    work = make_work(redis, predictor)
    with pytest.raises(LabelStudioUnknown, match="--url, --token"):
        work.find_project(1)
    with pytest.raises(LabelStudioUnknown, match="predictions cannot be posted"):
        work.label_tasks(PROJECT, [1], None)
    assert work.runs.list_runs() == []


def test_while_redis_is_away_nothing_learned_is_known_and_no_run_starts(
    predictor: Predictor, studio: LabelStudioStandIn
) -> None:
    away = connect_redis("redis://127.0.0.1:1/0", is_patient=False)
    work = make_work(away, predictor, studio)
    assert work.list_learned_versions() == []
    with pytest.raises(WorkerError, match=r"Redis at .* cannot be used"):
        work.label_tasks(PROJECT, [1], work.find_account(1))


def test_warming_skips_no_task_though_workers_make_room_meanwhile(
    redis: Redis,
    predictor: Predictor,
    studio: LabelStudioStandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A queue of a thousand jobs takes long to fill, and pages of a hundred tasks to list.
    monkeypatch.setattr(warm_start, "MAX_WAITING", 2)
    monkeypatch.setattr(project_work, "_PAGE_TASKS", 2)
    work = make_work(redis, predictor, studio)
    account = work.find_account(1)
    redis.rpush(f"rq:queue:{PREFETCH}", "somebody else's")
    studio.do_after_next("GET /api/tasks", lambda: redis.delete(f"rq:queue:{PREFETCH}"))
    warmed = work.warm_project(1, account, None)
    assert warmed == {"project": 1, "queued": 1, "already_warm_or_queued": 0, "total": 3}
    assert count_waiting_jobs(redis)[PREFETCH] == 1, "the second task has its turn when asked again"


def test_warming_ends_where_tasks_were_deleted_meanwhile(
    redis: Redis,
    predictor: Predictor,
    studio: LabelStudioStandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Pages of a hundred tasks take long to list.
    monkeypatch.setattr(project_work, "_PAGE_TASKS", 2)
    work = make_work(redis, predictor, studio)
    studio.do_after_next("GET /api/tasks", lambda: studio.delete_task(3))
    assert work.warm_project(1, work.find_account(1), None)["queued"] == 2
