"""What failed is on ``/status``, for programs and as a page, since Label Studio shows no error."""

import time
from typing import Any

import pytest
from redis import Redis

from core import ImageEmbedding, Predictor
from labelstudio_backend import (
    BackendSettings,
    Projects,
    ProjectWork,
    RecentFailures,
    ServiceObserver,
)
from labelstudio_backend.errors import ImageMissing, Superseded
from labelstudio_backend.operators.recent_failures import FAILURES_OF_A_PROJECT
from worker import NoWorker

from ..conftest import Backend, InProcessEmbeddings, RunBackend
from ..image_host import Host
from ..label_studio_requests import LABEL_CONFIG, PROJECT, Json, make_keypoint, make_predict

PAGE = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def list_reasons(failures: RecentFailures) -> list[str]:
    return [failure.reason for failure in failures.list()]


def test_the_latest_failure_comes_first_and_the_same_one_is_counted() -> None:
    now = [100.0]
    failures = RecentFailures(lambda: now[0])
    for number, reason in enumerate(("first", "second", "first"), 1):
        now[0] = 100.0 + number
        failures.record("3.1", 7, ImageMissing(reason))
    assert list_reasons(failures) == ["first", "second"]
    first = failures.list()[0]
    assert (first.project_id, first.task, first.code) == ("3", 7, "image_missing")
    assert (first.count, first.last_at) == (2, 103.0)


def test_a_project_keeps_its_latest_failures_whatever_fails_in_others() -> None:
    failures = RecentFailures()
    failures.record("1.1", 1, ImageMissing("of another project"))
    for number in range(FAILURES_OF_A_PROJECT + 5):
        failures.record("2.1", number, ImageMissing(f"number {number}"))
    kept = list_reasons(failures)
    assert "of another project" in kept
    assert len(kept) == FAILURES_OF_A_PROJECT + 1
    assert "number 4" not in kept
    assert "number 5" in kept


def test_memory_is_bounded_however_many_projects_there_are() -> None:
    failures = RecentFailures()
    for number in range(150):
        failures.record(f"{number}.1", 1, ImageMissing("x" * 5000))
    assert len(failures.list()) == 100
    assert {len(reason) for reason in list_reasons(failures)} == {2000}


def test_a_click_that_nobody_waits_for_any_more_is_no_failure() -> None:
    failures = RecentFailures()
    failures.record("1.1", 1, Superseded("a newer call took its place"))
    assert failures.list() == []


@pytest.fixture
def failures() -> RecentFailures:
    """All that it hears of happened 200 seconds ago."""
    return RecentFailures(lambda: time.time() - 200)


@pytest.fixture
def backend(
    run_backend: RunBackend, predictor: Predictor, failures: RecentFailures, host: Host
) -> Backend:
    """A backend whose Redis is away, with an encoder that works all the same."""
    settings = BackendSettings(is_private_address_allowed=True)
    away = Redis(host="127.0.0.1", port=1)
    work = ProjectWork(away, predictor, settings, Projects())
    embeddings = InProcessEmbeddings(predictor)
    observer = ServiceObserver(away, predictor, embeddings, failures)
    return run_backend(
        embeddings=embeddings,
        work=work,
        observer=observer,
        collaborators={"failures": failures},
        label_studio_url=host.url,
    )


def failures_of(backend: Backend) -> list[Json]:
    status = backend.client.get("/status").json()
    assert not status["redis"]["is_reachable"]
    return list(status["failures"])


def test_a_click_that_fails_is_told_with_its_reason(backend: Backend) -> None:
    body = make_predict("/gone.png", make_keypoint(50, 50))
    detail = backend.predict(body).json()["detail"]
    backend.predict(body)
    (failure,) = failures_of(backend)
    assert failure["project"] == PROJECT.partition(".")[0]
    assert failure["task"] == body["tasks"][0]["id"]
    assert failure["code"] == "image_missing"
    assert failure["reason"] == detail
    assert failure["count"] == 2
    assert failure["last_at"].endswith("+00:00")


def test_a_task_that_fails_among_others_is_told(backend: Backend, host: Host, png: bytes) -> None:
    host.serve("/there.png", png)
    stored = {"id": 1, "result": [make_keypoint(50, 50)]}
    tasks = [
        {"id": number, "data": {"image": path}, "drafts": [stored]}
        for number, path in ((1, "/there.png"), (2, "/gone.png"))
    ]
    body = {"tasks": tasks, "project": PROJECT, "label_config": LABEL_CONFIG, "params": {}}
    assert backend.predict(body).status_code == 200
    (failure,) = failures_of(backend)
    assert (failure["task"], failure["code"]) == (2, "image_missing")


def test_a_label_config_without_a_place_for_masks_is_told_at_setup(backend: Backend) -> None:
    config = '<View><Image name="image" value="$image"/></View>'
    backend.client.post("/setup", json={"project": PROJECT, "schema": config})
    (failure,) = failures_of(backend)
    assert (failure["task"], failure["code"]) == (None, "bad_label_config")


def test_a_fault_of_ours_is_told_without_its_inside(
    run_backend: RunBackend, predictor: Predictor, failures: RecentFailures, host: Host, png: bytes
) -> None:
    class Broken(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            raise ZeroDivisionError("of no interest to annotators")

    host.serve("/dog.png", png)
    backend = run_backend(
        embeddings=Broken(predictor),
        collaborators={"failures": failures},
        label_studio_url=host.url,
    )
    assert backend.predict(make_predict("/dog.png", make_keypoint(50, 50))).status_code == 500
    (failure,) = failures.list()
    assert failure.code == "internal_error"
    assert "of no interest" not in failure.reason


def test_errors_of_the_packages_below_are_told_in_our_words(failures: RecentFailures) -> None:
    with pytest.raises(NoWorker), failures.recording("1.1", 7):
        raise NoWorker("no worker is alive")
    (failure,) = failures.list()
    assert (failure.code, failure.reason) == ("encoder_unavailable", "no worker is alive")


def test_browsers_get_a_page_that_a_person_can_read(
    backend: Backend, failures: RecentFailures
) -> None:
    failures.record("3.1", 7, ImageMissing("the image of <task> 7 is gone"))
    failures.record(None, None, ImageMissing("nobody said where"))
    answer = backend.client.get("/status", headers=PAGE)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for text in (
        "Project 3: what failed lately",
        "No project named: what failed lately",
        "the image of &lt;task&gt; 7 is gone",
        "image_missing",
        "3 min ago",
        "not reachable",
    ):
        assert text in answer.text


def test_the_page_says_so_where_nothing_failed(backend: Backend) -> None:
    assert "Nothing failed since" in backend.client.get("/status", headers=PAGE).text
