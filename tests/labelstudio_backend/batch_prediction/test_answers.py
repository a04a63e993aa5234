"""Calls without a click over HTTP: a real uvicorn, a real image host, a small model."""

import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np
import pytest

from core import ImageEmbedding, Predictor
from labelstudio_backend.batch_prediction import INLINE_TASKS
from worker import PREFETCH

from ..answers import the_error
from ..blind_predictor import make_blind
from ..conftest import TOKEN, InProcessEmbeddings, RunBackend
from ..image_host import Host, make_png, send
from ..label_studio_requests import make_rectangle
from .batch_calls import (
    BOX,
    TIMEOUT_S,
    Collaborators,
    make_batch,
    make_task,
    path_of,
    results_of,
    serve_images,
)


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


def test_as_many_tasks_as_can_be_answered_inline_are(run: Any, handed: Collaborators) -> None:
    tasks = [make_task(task_id) for task_id in range(INLINE_TASKS)]
    assert results_of(run(), make_batch(*tasks)) == [[]] * INLINE_TASKS
    assert (handed.runs, handed.warmed) == ([], [])


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
