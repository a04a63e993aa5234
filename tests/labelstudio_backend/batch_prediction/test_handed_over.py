"""What a call without a click leaves to the background, and images that it has warmed up."""

import logging
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from core import ImageEmbedding, Predictor
from labelstudio_backend import batch_prediction
from labelstudio_backend.batch_prediction import BATCH_BUDGET_S, INLINE_TASKS, find_click_images
from labelstudio_backend.protocol import Task
from worker import EncodeTimeout, RedisUnavailable, WorkerError

from ..answers import the_error
from ..conftest import InProcessEmbeddings, RunBackend
from ..image_host import Host, send
from ..label_studio_requests import LABEL_CONFIG
from .batch_calls import (
    BOX,
    TIMEOUT_S,
    Clock,
    Collaborators,
    make_batch,
    make_task,
    path_of,
    results_of,
    serve_images,
)


def test_what_is_left_when_the_time_is_spent_is_done_in_the_background(
    run: Any, host: Host, png: bytes, caplog: pytest.LogCaptureFixture, handed: Collaborators
) -> None:
    clock, first_is_done = Clock(), threading.Event()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("prediction task=1 "):
                first_is_done.set()

    def answer_late(handler: BaseHTTPRequestHandler) -> None:
        assert first_is_done.wait(TIMEOUT_S)
        clock.ahead_s = BATCH_BUDGET_S + 1
        send(handler, 200, png)

    serve_images(host, png, 1)
    host.answers |= {path_of(task_id): answer_late for task_id in range(2, 11)}
    caplog.set_level(logging.INFO)
    watch = Watch()
    logging.getLogger("labelstudio_backend").addHandler(watch)
    try:
        body = make_batch(*(make_task(task_id, BOX) for task_id in range(1, 11)))
        results = results_of(run(clock), body)
    finally:
        logging.getLogger("labelstudio_backend").removeHandler(watch)
    assert [bool(entry) for entry in results] == [True] + [False] * 9
    assert handed.runs == [("3.1795394366", list(range(2, 11)))]
    begun = {path_of(task_id) for task_id in range(1, 6)}  # four at a time, and one was done
    assert {path for path, _ in host.requests} <= begun
    assert handed.account is not None
    assert str(handed.account.base_url) == host.url
    assert "no prediction" not in caplog.text


def test_label_studio_is_answered_in_time_though_an_image_never_comes(
    run: Any,
    host: Host,
    png: bytes,
    handed: Collaborators,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The real time is a minute, and this is about real waiting: no clock can be moved on for it.
    monkeypatch.setattr(batch_prediction, "BATCH_BUDGET_S", 0.3)
    released = threading.Event()

    def answer_late(handler: BaseHTTPRequestHandler) -> None:
        released.wait(TIMEOUT_S)
        send(handler, 200, png)

    host.answers[path_of(1)] = answer_late
    backend = run()
    started = time.monotonic()
    try:
        assert results_of(backend, make_batch(make_task(1, BOX))) == [[]]
    finally:
        released.set()
    assert time.monotonic() - started < TIMEOUT_S / 2
    assert handed.runs == [("3.1795394366", [1])]


def test_an_encoder_that_is_too_slow_leaves_the_task_to_the_background(
    run: Any, host: Host, png: bytes, lively: Predictor, handed: Collaborators
) -> None:
    clock = Clock()

    class Slow(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            assert more["timeout_s"] <= BATCH_BUDGET_S
            clock.ahead_s = BATCH_BUDGET_S + 1
            raise EncodeTimeout("no embedding")

    serve_images(host, png, 1)
    backend = run(clock, embeddings=Slow(lively))
    assert results_of(backend, make_batch(make_task(1, BOX))) == [[]]
    assert handed.runs == [("3.1795394366", [1])]


def test_more_tasks_are_all_done_in_the_background(
    run: Any, host: Host, handed: Collaborators
) -> None:
    tasks = [make_task(task_id, BOX) for task_id in range(INLINE_TASKS + 1)]
    assert results_of(run(), make_batch(*tasks)) == []
    assert handed.runs == [("3.1795394366", list(range(INLINE_TASKS + 1)))]
    assert host.requests == []


def test_without_a_background_many_tasks_are_not_predicted_and_the_log_says_what_to_do(
    run_backend: RunBackend, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = [make_task(task_id, BOX) for task_id in range(INLINE_TASKS + 1)]
    assert results_of(run_backend(), make_batch(*tasks)) == []
    assert "use `esam prelabel`" in caplog.text


def test_a_background_that_cannot_take_so_many_tasks_is_an_error(
    run: Any, handed: Collaborators
) -> None:
    handed.error = RedisUnavailable("no Redis")
    tasks = [make_task(task_id, BOX) for task_id in range(INLINE_TASKS + 1)]
    the_error(run().predict(make_batch(*tasks)), 503, "encoder_unavailable")


def test_a_background_that_cannot_take_the_rest_costs_no_answer_that_is_there(
    run: Any,
    host: Host,
    png: bytes,
    lively: Predictor,
    handed: Collaborators,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()

    class Late(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            embedding = super().get_or_encode(image, **more)
            clock.ahead_s = BATCH_BUDGET_S + 1
            return embedding

    handed.error = RedisUnavailable("no Redis")
    serve_images(host, png, *range(1, 11))
    backend = run(clock, embeddings=Late(lively))
    results = results_of(backend, make_batch(*(make_task(i, BOX) for i in range(1, 11))))
    assert any(results)
    assert results[4:] == [[]] * 6  # four at a time: these began when the time was spent
    assert len(handed.runs) == 1
    assert "code=encoder_unavailable" in caplog.text


def test_a_task_with_nothing_to_predict_is_warmed_up_when_it_is_opened(
    run: Any, host: Host, handed: Collaborators
) -> None:
    assert results_of(run(), make_batch(make_task(6))) == [[]]
    assert handed.warmed == [(6, path_of(6))]
    assert handed.account is not None
    assert str(handed.account.base_url) == host.url
    assert host.requests == []


@pytest.mark.parametrize("error", [RedisUnavailable("no Redis"), WorkerError("?")])
def test_a_warm_start_that_fails_is_no_failure_of_the_call(
    run: Any, handed: Collaborators, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    handed.error = error
    assert results_of(run(), make_batch(make_task(6))) == [[]]
    assert "no warm start task=6" in caplog.text


def test_several_tasks_are_not_warmed_up(run: Any, handed: Collaborators) -> None:
    assert results_of(run(), make_batch(make_task(6), make_task(7))) == [[], []]
    assert handed.warmed == []


@pytest.mark.parametrize("label_config", [LABEL_CONFIG, "<View>", None])
def test_switched_off_nothing_is_predicted_and_an_opened_task_is_warmed_up(
    run: Any, host: Host, handed: Collaborators, label_config: str | None
) -> None:
    backend = run(prelabel="off")
    body = make_batch(make_task(6, BOX), label_config=label_config)
    assert results_of(backend, body) == [[]]
    assert handed.warmed == ([(6, path_of(6))] if label_config == LABEL_CONFIG else [])
    handed.warmed.clear()
    many = make_batch(*(make_task(task_id, BOX) for task_id in range(30)))
    assert results_of(backend, many) == [[]] * 30
    assert (handed.runs, handed.warmed, host.requests) == ([], [], [])


def test_click_images_are_those_with_a_brush_that_the_task_has() -> None:
    config = """<View><Image name="a" value="$a"/><Image name="b" value="$b"/>
    <Image name="c" value="$c"/><Image name="map" value="$map"/>
    <BrushLabels name="tag" toName="a,b,c"><Label value="Dog"/></BrushLabels></View>"""
    task = Task(id=1, data={"map": "m.png", "c": "c.png", "b": None, "a": "a.png"})
    assert find_click_images([task], config) == [(task.id, "a.png"), (task.id, "c.png")]
    assert find_click_images([task], "<View>") == find_click_images([task], None) == []
