"""Runs over HTTP: what is refused, and what a run cannot do now."""

from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from core import Predictor
from labelstudio_backend import BackendSettings, Projects, ProjectWork, RunConflict
from labelstudio_backend.runs import RunOptions, RunService
from labelstudio_backend.runs.task_outcomes import TaskOutcomes
from tests.integration.detected_tasks import make_account
from tests.label_studio_stand_in import LabelStudioStandIn

from ..answers import the_error
from ..conftest import Backend, RunBackend

BOX = {"label": "Dog", "box": [1, 2, 3, 4]}


@pytest.fixture
def backend(
    run_backend: RunBackend, redis: Redis, predictor: Predictor, studio: LabelStudioStandIn
) -> Backend:
    studio.add_tasks([{"image": f"/data/upload/1/{n}.jpg"} for n in range(2)])
    settings: dict[str, Any] = {
        "label_studio_url": studio.url,
        "label_studio_api_key": SecretStr(studio.token or ""),
    }
    work = ProjectWork(redis, predictor, BackendSettings(**settings), Projects())
    return run_backend(predictor, work=work, **settings)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"label_studio_url": "http://me:hunter2@studio"}, "must not hold a login"),
        ({"label_studio_url": "ftp://studio"}, "must start with http:// or https://"),
        ({"label_studio_url": "http://studio:port"}, "is not a URL"),
        ({"label_studio_api_key": "a-token"}, "needs label_studio_url beside it"),
        ({"prompts": "file", "boxes": [{**BOX, "task": 1}, BOX]}, "box 2 names neither a task"),
        ({"prompts": "file", "boxes": [{**BOX, "image": ""}]}, "box 1 names neither a task"),
        ({"prompts": "file"}, "go together"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused(
    backend: Backend, order: dict[str, Any], reason: str
) -> None:
    detail = the_error(
        backend.client.post("/runs", json={"project": 1, **order}), 400, "bad_request"
    )
    assert reason in detail
    assert "hunter2" not in detail
    assert backend.client.get("/runs").json() == {"runs": []}


def test_a_run_is_cancelled_once_and_failed_tasks_are_tried_again_after_it(
    backend: Backend, redis: Redis
) -> None:
    run_id = backend.client.post("/runs", json={"project": 1}).json()["id"]

    def ask(what: str) -> Any:
        return backend.client.post(f"/runs/{run_id}/{what}")

    assert "still runs" in the_error(ask("retry-failed"), 409, "run_conflict")
    assert ask("cancel").json()["state"] == "cancelled"
    assert "is cancelled already" in the_error(ask("cancel"), 409, "run_conflict")
    assert "no task of the run" in the_error(ask("retry-failed"), 409, "run_conflict")
    redis.sadd(f"esam:run:{run_id}:tasks", 1)
    TaskOutcomes(redis).record_failed(run_id, 1, "the image is gone", "image_missing")
    again = ask("retry-failed").json()
    assert (again["state"], again["total"], again["failed"]) == ("running", 1, 0)


def test_a_run_goes_on_with_its_own_version_or_not_at_all(
    redis: Redis, predictor: Predictor, lively: Predictor, studio: LabelStudioStandIn
) -> None:
    before = RunService(redis, lively)
    run = before.start(1, make_account(studio), RunOptions())
    before.cancel(run.id)
    with pytest.raises(RunConflict, match=r"which is not to be had any more .*start a new run"):
        RunService(redis, predictor).resume(run.id)
    assert before.find(run.id)[1].state.value == "cancelled"
    before.resume(run.id)
    assert before.find(run.id)[1].state.value == "running"
