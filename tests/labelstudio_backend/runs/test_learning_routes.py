"""Runs that learn, over HTTP: started by a person, or by Label Studio's button."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from core import Predictor
from labelstudio_backend import BackendSettings, Projects, ProjectWork, RecentFailures
from labelstudio_backend.answers import RunAnswer
from labelstudio_backend.runs.lesson_report import ChangePicture, LearningProgress, LessonReport
from labelstudio_backend.runs.lesson_store import LessonStore
from labelstudio_backend.runs.run_jobs import work_on_chunk
from labelstudio_backend.runs.run_store import RunStore
from tests.label_studio_stand_in import LabelStudioStandIn

from ..answers import the_error
from ..conftest import Backend, RunBackend
from ..label_studio_requests import LABEL_CONFIG

_TIMEOUT_S = 20
REPORT = LessonReport(
    model_version="efficientsam-nano-1-2",
    is_better=True,
    reason="mean IoU rises by 0.100 (standard error 0.010)",
    masks=200,
    images=40,
    held_out_masks=40,
    held_out_images=8,
    empty_masks=1,
    figures=(),
    pictures=(ChangePicture(name="gain-1-task-7.jpg", task=7, before=0.1, after=0.9),),
)


@pytest.fixture
def studio() -> Iterator[LabelStudioStandIn]:
    with LabelStudioStandIn(id=2) as server:
        yield server


@pytest.fixture
def failures() -> RecentFailures:
    return RecentFailures()


@pytest.fixture
def backend(
    run_backend: RunBackend,
    redis: Redis,
    lively: Predictor,
    studio: LabelStudioStandIn,
    failures: RecentFailures,
) -> Backend:
    settings: dict[str, Any] = {
        "label_studio_url": studio.url,
        "label_studio_api_key": SecretStr(studio.token or ""),
    }
    work = ProjectWork(redis, lively, BackendSettings(**settings), Projects(), failures=failures)
    return run_backend(lively, work=work, **settings)


def list_runs(backend: Backend) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = backend.client.get("/runs").json()["runs"]
    return found


def test_a_run_that_learns_says_so_and_how_far_it_is(backend: Backend, redis: Redis) -> None:
    order = {"kind": "learning", "project": 2, "limit": 50, "steps": 10}
    answer = backend.client.post("/runs", json=order)
    assert answer.status_code == 201
    run = RunAnswer.model_validate(answer.json())
    assert (run.kind, run.prompts, run.learning, run.report) == ("learning", None, None, None)
    store = RunStore(redis, work_on_chunk)
    assert (store.find(run.id).options.limit, store.find(run.id).options.steps) == (50, 10)
    learning = LearningProgress(phase="learning", done=3, total=10, tuning_iou=0.5)
    store.save_learning(run.id, learning)
    store.save_report(run.id, REPORT)
    later = RunAnswer.model_validate(backend.client.get(f"/runs/{run.id}").json())
    assert later.learning is not None
    assert later.report is not None
    assert (later.learning.done, later.report.masks) == (3, 200)


def test_only_tasks_and_steps_can_be_chosen(backend: Backend) -> None:
    for more in ({"prompts": "everything"}, {"dry_run": True}, {"view": 3}, {"label": "Dog"}):
        order = {"kind": "learning", "project": 2, **more}
        answer = backend.client.post("/runs", json=order)
        assert "kind='learning' goes with" in the_error(answer, 400, "bad_request")
    assert list_runs(backend) == []


def test_a_picture_is_served_and_one_that_is_not_there_is_said(
    backend: Backend, redis: Redis
) -> None:
    order = {"kind": "learning", "project": 2}
    run = backend.client.post("/runs", json=order).json()
    LessonStore(redis).save_pictures(run["id"], {"gain-1-task-7.jpg": b"\xff\xd8picture"})
    answer = backend.client.get(f"/runs/{run['id']}/pictures/gain-1-task-7.jpg")
    assert (answer.content, answer.headers["Content-Type"]) == (b"\xff\xd8picture", "image/jpeg")
    missing = backend.client.get(f"/runs/{run['id']}/pictures/other.jpg")
    assert "has no picture" in the_error(missing, 404, "run_missing")


def test_label_studios_button_starts_one_run_and_is_answered_at_once(
    backend: Backend, studio: LabelStudioStandIn, failures: RecentFailures
) -> None:
    event = {"action": "START_TRAINING", "project": {"id": 2, "label_config": LABEL_CONFIG}}
    is_answered, waited = threading.Event(), []
    studio.do_after_next("GET /api/projects/2", lambda: waited.append(is_answered.wait(_TIMEOUT_S)))
    for _ in range(2):
        assert backend.client.post("/webhook", json=event).status_code == 200
    is_answered.set()
    deadline = time.monotonic() + _TIMEOUT_S
    while not list_runs(backend):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert waited == [True], "it must not wait for Label Studio, which waits for it"
    while not (failed := failures.list()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (failure,) = failed
    assert (failure.code, failure.project) == ("run_conflict", "2"), "the second press"
    (run,) = list_runs(backend)
    assert (run["kind"], run["project"], run["state"]) == ("learning", 2, "planning")
