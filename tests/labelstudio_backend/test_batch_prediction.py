"""Calls without a click over HTTP: a real uvicorn, a real image host, a small model."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np
import pytest

from core import ImageEmbedding, Predictor
from labelstudio_backend import LabelStudioAccount, batch_prediction
from labelstudio_backend.batch_prediction import BATCH_BUDGET_S, INLINE_TASKS, find_click_images
from labelstudio_backend.protocol import Task
from worker import PREFETCH, EncodeTimeout, RedisUnavailable, WorkerError

from .answers import the_error
from .blind_predictor import make_blind
from .conftest import TOKEN, Backend, InProcessEmbeddings, RunBackend
from .image_host import Host, make_png, send
from .label_studio_requests import LABEL_CONFIG, Json, make_rectangle

BOX = make_rectangle(10, 10, 60, 60)
TIMEOUT_S = 30


class Collaborators:
    """What a backend hands tasks and images to; writes down what it was handed."""

    def __init__(self) -> None:
        self.runs: list[tuple[str | None, list[int]]] = []
        self.warmed: list[tuple[int | str | None, str]] = []
        self.account: LabelStudioAccount | None = None
        self.error: Exception | None = None

    def label_tasks(
        self, project_key: str | None, task_ids: Sequence[int], account: LabelStudioAccount | None
    ) -> None:
        self.runs.append((project_key, list(task_ids)))
        self._end(account)

    def warm(
        self, account: LabelStudioAccount | None, images: Sequence[tuple[int | str | None, str]]
    ) -> None:
        self.warmed += images
        self._end(account)

    def _end(self, account: LabelStudioAccount | None) -> None:
        self.account = account
        if self.error is not None:
            raise self.error


class Clock:
    """Monotonic seconds that a test can move on."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture
def handed() -> Collaborators:
    return Collaborators()


@pytest.fixture
def run(run_backend: RunBackend, host: Host, lively: Predictor, handed: Collaborators) -> Any:
    """Starts a backend whose Label Studio is ``host``."""

    def start(clock: Callable[[], float] = time.monotonic, **more: Any) -> Backend:
        collaborators = {"background": handed, "warm_start": handed, "clock": clock}
        return run_backend(
            lively, collaborators=collaborators, label_studio_url=host.url,
            label_studio_api_key=TOKEN, **more,
        )  # fmt: skip

    return start


def path_of(task_id: int) -> str:
    return f"/data/upload/1/{task_id}.png"


def make_task(task_id: int, *regions: Json, **data: object) -> Json:
    """A task whose image is ``path_of`` it, with regions in a prediction of a detector's."""
    stored = [{"id": 1, "model_version": "detector", "result": list(regions)}] if regions else []
    data = data or {"image": path_of(task_id)}
    return {"id": task_id, "data": data, "annotations": [], "predictions": stored}


def make_batch(*tasks: Json, label_config: str | None = LABEL_CONFIG) -> Json:
    """A call as "Retrieve predictions" makes it."""
    return {
        "tasks": list(tasks),
        "project": "3.1795394366",
        "label_config": label_config,
        "params": {"login": None, "password": None, "context": None},
    }


def results_of(backend: Backend, body: Json) -> list[Any]:
    response = backend.predict(body)
    assert response.status_code == 200, response.text
    assert response.json().keys() == {"results"}
    results: list[Any] = response.json()["results"]
    assert all(entry == [] or entry["result"] for entry in results), "an empty prediction"
    return results


def serve_images(host: Host, png: bytes, *task_ids: int) -> None:
    for task_id in task_ids:
        host.serve(path_of(task_id), png)


def test_a_stored_box_becomes_a_mask_when_the_task_is_opened(
    run: Any, host: Host, png: bytes, lively: Predictor, handed: Collaborators
) -> None:
    serve_images(host, png, 6)
    (prediction,) = results_of(run(), make_batch(make_task(6, BOX)))
    (region,) = prediction["result"]
    assert region["type"] == "brushlabels"
    assert region["value"]["brushlabels"] == ["Dog"]
    assert prediction["model_version"] == lively.model_version
    assert host.authorizations == [f"Token {TOKEN}"]
    assert (handed.warmed, handed.runs) == ([], [])


def test_answers_come_in_order_while_the_first_image_is_the_slowest(
    run: Any, host: Host, png: bytes
) -> None:
    labels = {1: "Dog", 2: "Cat", 3: "Dog"}
    serve_images(host, png, 2)
    third_was_read = threading.Event()

    def answer_late(handler: BaseHTTPRequestHandler) -> None:
        assert third_was_read.wait(TIMEOUT_S), "images are read one after the other"
        send(handler, 200, png)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, png)
        third_was_read.set()

    host.answers |= {path_of(1): answer_late, path_of(3): answer}
    tasks = [make_task(i, make_rectangle(10, 10, 60, 60, label)) for i, label in labels.items()]
    results = results_of(run(), make_batch(*tasks))
    named = [entry["result"][0]["value"]["brushlabels"] for entry in results]
    assert named == [["Dog"], ["Cat"], ["Dog"]]


def test_a_task_that_fails_costs_no_other_its_answer_and_says_why_in_the_log(
    run: Any, host: Host, png: bytes, caplog: pytest.LogCaptureFixture, handed: Collaborators
) -> None:
    serve_images(host, png, 1, 4, 5, 9)
    host.serve(path_of(6), b"not an image")
    tasks = [
        make_task(1, BOX),
        make_task(2, BOX),
        make_task(3, make_rectangle(1, 1, 9, 9) | {"to_name": "middle"}),
        make_task(4, make_rectangle(120, 1, 9, 9)),
        make_task(5, make_rectangle(1, 1, 9, 9, size_wh=(320, 240))),
        make_task(6, BOX),
        make_task(7, BOX, text="x"),
        make_task(8),
        make_task(9, BOX),
    ]
    results = results_of(run(), make_batch(*tasks))
    assert [bool(entry) for entry in results] == [True, *[False] * 7, True]
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("no prediction ")]
    assert len(lines) == 6
    for task_id, code, detail in [
        (2, "image_missing", path_of(2)),
        (3, "bad_request", "the prompt lies on 'middle'"),
        (4, "bad_prompt", "outside the image"),
        (5, "bad_prompt", "320 x 240 pixels, but it is 160 x 120"),
        (6, "image_unusable", "not an image"),
        (7, "bad_request", "fields: 'text'"),
    ]:
        (line,) = [line for line in lines if f"task={task_id} " in line]
        assert f"code={code} " in line
        assert detail in line.replace("\\'", "'")
    assert handed.runs == []


def test_a_fault_of_ours_costs_no_other_task_its_answer(
    run: Any, host: Host, png: bytes, lively: Predictor, caplog: pytest.LogCaptureFixture
) -> None:
    other_png = make_png(np.zeros((120, 160, 3), np.uint8))

    class Faulty(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            if image != png:
                raise ZeroDivisionError("a fault")
            return super().get_or_encode(image, **more)

    serve_images(host, png, 2)
    host.serve(path_of(1), other_png)
    backend = run(embeddings=Faulty(lively))
    first, second = results_of(backend, make_batch(make_task(1, BOX), make_task(2, BOX)))
    assert first == []
    assert len(second["result"]) == 1
    assert "ZeroDivisionError" in caplog.text
    assert "no prediction task=1 " in caplog.text


def test_a_single_task_that_fails_is_an_empty_list_too(
    run: Any, caplog: pytest.LogCaptureFixture, handed: Collaborators
) -> None:
    assert results_of(run(), make_batch(make_task(6, BOX))) == [[]]
    assert "no prediction task=6 " in caplog.text
    assert handed.warmed == []


def test_a_task_whose_masks_are_all_empty_is_an_empty_list_and_not_an_empty_prediction(
    run_backend: RunBackend, host: Host, png: bytes, lively: Predictor, handed: Collaborators
) -> None:
    serve_images(host, png, 6)
    backend = run_backend(
        make_blind(lively), label_studio_url=host.url, collaborators={"warm_start": handed}
    )
    assert results_of(backend, make_batch(make_task(6, BOX))) == [[]]
    assert handed.warmed == []  # it was just encoded


def test_a_label_config_that_cannot_be_read_refuses_the_call(run: Any) -> None:
    body = make_batch(make_task(6, BOX), label_config="<View>")
    the_error(run().predict(body), 400, "bad_label_config")


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


def test_as_many_tasks_as_can_be_answered_inline_are(run: Any, handed: Collaborators) -> None:
    tasks = [make_task(task_id) for task_id in range(INLINE_TASKS)]
    assert results_of(run(), make_batch(*tasks)) == [[]] * INLINE_TASKS
    assert (handed.runs, handed.warmed) == ([], [])


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


def test_everything_gives_several_regions_that_bear_the_first_label(
    run: Any, host: Host, png: bytes
) -> None:
    serve_images(host, png, 6)
    (prediction,) = results_of(run(prelabel="everything"), make_batch(make_task(6)))
    assert len(prediction["result"]) > 1
    assert {tuple(r["value"]["brushlabels"]) for r in prediction["result"]} == {("Dog",)}


def test_encode_jobs_of_a_batch_let_clicks_pass(
    run: Any, host: Host, png: bytes, lively: Predictor
) -> None:
    priorities = []

    class Watched(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            priorities.append(more["priority"])
            return super().get_or_encode(image, **more)

    serve_images(host, png, 6)
    results_of(run(embeddings=Watched(lively)), make_batch(make_task(6, BOX)))
    assert priorities == [PREFETCH]


def test_click_images_are_those_with_a_brush_that_the_task_has() -> None:
    config = """<View><Image name="a" value="$a"/><Image name="b" value="$b"/>
    <Image name="c" value="$c"/><Image name="map" value="$map"/>
    <BrushLabels name="tag" toName="a,b,c"><Label value="Dog"/></BrushLabels></View>"""
    task = Task(id=1, data={"map": "m.png", "c": "c.png", "b": None, "a": "a.png"})
    assert find_click_images([task], config) == [(task.id, "a.png"), (task.id, "c.png")]
    assert find_click_images([task], "<View>") == find_click_images([task], None) == []
