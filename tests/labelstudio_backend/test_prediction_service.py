"""Clicks over HTTP: a real uvicorn, a real image host, a small model."""

import re
from typing import Any

import httpx
import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle

from core import ImageEmbedding, Predictor, Prompt
from labelstudio_backend import LabelStudioAccount
from labelstudio_backend.label_studio.cloud_uri import resolve_cloud_uri
from worker import INTERACTIVE, EncodeTimeout, NoWorker, RedisUnavailable, WorkerError

from .answers import DOG, LOCAL_DOG, the_error, the_prediction
from .blind_predictor import make_blind
from .conftest import TOKEN, Backend, InProcessEmbeddings, RunBackend
from .image_host import Host, make_png
from .label_studio_requests import (
    LABEL_CONFIG,
    Json,
    make_keypoint,
    make_predict,
    make_rectangle,
)


def test_a_click_is_answered_with_the_mask_that_the_decoder_makes(
    backend: Backend, host: Host, predictor: Predictor, png: bytes
) -> None:
    host.serve(DOG, png)
    prediction = the_prediction(backend.predict(make_predict(DOG, make_keypoint(50, 50))))
    (region,) = prediction["result"]
    (embedding,) = backend.embeddings.embeddings.values()
    expected = predictor.decode(embedding, Prompt(points=[[80, 60]]))
    rgba = decode_rle(region["value"]["rle"]).reshape(120, 160, 4)
    assert (rgba[..., 3] == expected.mask * 255).all()
    assert region["score"] == prediction["score"] == pytest.approx(expected.score)
    assert prediction["model_version"] == predictor.model_version
    assert region["from_name"] == "tag"
    assert region["to_name"] == "image"
    assert region["value"]["brushlabels"] == ["Dog"]
    assert (region["original_width"], region["original_height"]) == (160, 120)


def test_two_rectangles_are_two_regions_with_their_own_labels(
    backend: Backend, host: Host, png: bytes
) -> None:
    host.serve(DOG, png)
    boxes = make_rectangle(10, 10, 40, 40, "Cat"), make_rectangle(50, 50, 40, 40, "Dog")
    regions = the_prediction(backend.predict(make_predict(DOG, *boxes)))["result"]
    assert [region["value"]["brushlabels"] for region in regions] == [["Cat"], ["Dog"]]
    assert regions[0]["id"] != regions[1]["id"]


def test_a_negative_click_leaves_its_pixel_out(backend: Backend, host: Host, png: bytes) -> None:
    host.serve(DOG, png)
    points = make_keypoint(50, 50), make_keypoint(60, 60, is_positive=False)
    (region,) = the_prediction(backend.predict(make_predict(DOG, *points)))["result"]
    mask = decode_rle(region["value"]["rle"]).reshape(120, 160, 4)[..., 3]
    assert mask[72, 96] == 0


def test_a_click_on_a_cloud_image_is_resolved_with_the_id_of_its_task(
    backend: Backend, host: Host, png: bytes
) -> None:
    uri = "s3://bucket/dog.png"
    account = LabelStudioAccount(httpx.URL(host.url))
    resolve = resolve_cloud_uri(uri, account, task_id=6)
    host.serve(resolve.raw_path.decode("ascii"), png)
    the_prediction(backend.predict(make_predict(uri, make_keypoint(50, 50))))
    assert len(host.requests) == 1


def test_encode_jobs_of_a_click_pass_all_others(
    run_backend: RunBackend, predictor: Predictor, host: Host, png: bytes
) -> None:
    priorities = []

    class Watched(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            priorities.append(more["priority"])
            return super().get_or_encode(image, **more)

    backend = run_backend(embeddings=Watched(predictor), label_studio_url=host.url)
    host.serve(DOG, png)
    the_prediction(backend.predict(make_predict(DOG, make_keypoint(50, 50))))
    assert priorities == [INTERACTIVE]


def test_a_click_on_nothing_is_an_empty_list_and_not_an_empty_prediction(
    run_backend: RunBackend, predictor: Predictor, host: Host, png: bytes
) -> None:
    backend = run_backend(make_blind(predictor), label_studio_url=host.url)
    host.serve(DOG, png)
    response = backend.predict(make_predict(DOG, make_keypoint(50, 50)))
    assert (response.status_code, response.json()) == (200, {"results": [[]]})


def test_the_second_click_reads_no_image_when_its_host_says_that_it_did_not_change(
    backend: Backend, host: Host, png: bytes
) -> None:
    body_count = 0

    def answer(handler: Any) -> None:
        nonlocal body_count
        handler.send_response(200)
        handler.send_header("ETag", '"1"')
        handler.send_header("Content-Length", str(len(png)))
        handler.end_headers()
        if body_count == 0:
            handler.wfile.write(png)
        body_count += 1

    host.answers[LOCAL_DOG] = answer
    first = the_prediction(backend.predict(make_predict(LOCAL_DOG, make_keypoint(50, 50))))
    second = the_prediction(backend.predict(make_predict(LOCAL_DOG, make_keypoint(50, 50))))
    assert first["result"][0]["value"] == second["result"][0]["value"]
    assert (body_count, backend.embeddings.encoded_count) == (2, 1)


def test_a_changed_image_under_the_same_url_is_encoded_anew(
    backend: Backend, host: Host, png: bytes
) -> None:
    host.serve(LOCAL_DOG, png, ETag='"1"')
    the_prediction(backend.predict(make_predict(LOCAL_DOG, make_keypoint(50, 50))))
    host.serve(LOCAL_DOG, make_png(np.zeros((60, 80, 3), np.uint8)), ETag='"2"')
    response = backend.predict(make_predict(LOCAL_DOG, make_keypoint(50, 50)))
    assert "160 x 120 pixels, but it is 80 x 60" in the_error(response, 400, "bad_prompt")


def test_an_alias_whose_embedding_was_evicted_leads_to_the_image_again(
    backend: Backend, host: Host, png: bytes
) -> None:
    host.serve(LOCAL_DOG, png, ETag='"1"')
    the_prediction(backend.predict(make_predict(LOCAL_DOG, make_keypoint(50, 50))))
    backend.embeddings.embeddings.clear()
    the_prediction(backend.predict(make_predict(LOCAL_DOG, make_keypoint(50, 50))))
    assert backend.embeddings.encoded_count == 2


def test_an_upload_that_label_studio_sends_without_validators_is_read_once(
    backend: Backend, host: Host, png: bytes
) -> None:
    host.serve(DOG, png)
    the_prediction(backend.predict(make_predict(DOG, make_keypoint(50, 50))))
    host.serve(DOG, b"not read")
    the_prediction(backend.predict(make_predict(DOG, make_keypoint(50, 50))))
    assert (len(host.requests), backend.embeddings.encoded_count) == (2, 1)


def test_an_upload_is_not_answered_from_memory_to_who_may_no_longer_see_it(
    backend: Backend, host: Host, png: bytes
) -> None:
    host.serve(DOG, png)
    the_prediction(backend.predict(make_predict(DOG, make_keypoint(50, 50))))
    host.serve(DOG, b"", 403)
    response = backend.predict(make_predict(DOG, make_keypoint(50, 50)))
    the_error(response, 502, "image_token_refused")


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"label_config": None}, "bad_label_config", "no label config"),
        ({"label_config": "<View>"}, "bad_label_config", "not well-formed"),
        ({"tasks": [{"id": 1, "data": {"text": "x"}}]}, "bad_request", "'image'.*fields: 'text'"),
        ({"tasks": [{"id": 1, "data": {"image": 7}}]}, "bad_request", "something else"),
        ({"tasks": [{"data": {}}, {"data": {}}]}, "bad_request", "exactly one task, got 2"),
        ({"tasks": []}, "bad_request", "got 0 tasks"),
        ({"tasks": None}, "bad_request", "tasks: Input should be"),
        ({"params": {"context": {"result": []}}}, "bad_prompt", "no keypoint or rectangle"),
        ({"params": {"context": {"result": [{}]}}}, "bad_request", r"context.result.0.type: Field"),
        ({"params": 7}, "bad_request", "params: Input should be"),
    ],
)
def test_a_call_that_cannot_be_answered_says_why(
    backend: Backend, change: Json, code: str, reason: str
) -> None:
    detail = the_error(backend.predict(make_predict(DOG, make_keypoint(1, 1)) | change), 400, code)
    assert re.search(reason, detail), detail


def test_an_image_without_a_place_for_masks_is_refused_before_it_is_fetched(
    backend: Backend, host: Host
) -> None:
    config = LABEL_CONFIG.replace('name="tag" ', 'name="tag" model_skip="true" ')
    config = config.replace('name="tag3" ', 'name="tag3" model_skip="true" ')
    response = backend.predict(make_predict(DOG, make_keypoint(50, 50), label_config=config))
    assert "holds masks, on the image tag 'image'" in the_error(response, 400, "bad_label_config")
    assert host.requests == []


def test_a_point_outside_the_image_is_refused_with_the_point(
    backend: Backend, host: Host, png: bytes
) -> None:
    host.serve(DOG, png)
    response = backend.predict(make_predict(DOG, make_keypoint(150, 50)))
    assert "(240, 60)" in the_error(response, 400, "bad_prompt")


def test_a_broken_image_is_told_with_the_reason_of_the_decoder(
    backend: Backend, host: Host
) -> None:
    host.serve(DOG, b"not an image")
    response = backend.predict(make_predict(DOG, make_keypoint(50, 50)))
    assert "not an image" in the_error(response, 422, "image_unusable")


def test_a_missing_file_is_told_with_its_path(backend: Backend) -> None:
    response = backend.predict(make_predict(DOG, make_keypoint(50, 50)))
    assert DOG in the_error(response, 422, "image_missing")


def test_a_refused_token_is_a_bad_gateway(backend: Backend, host: Host) -> None:
    host.serve(DOG, b"", 401)
    response = backend.predict(make_predict(DOG, make_keypoint(50, 50)))
    assert TOKEN not in the_error(response, 502, "image_token_refused")


class BrokenEmbeddings(InProcessEmbeddings):
    """Fails the way it is told."""

    error: Exception

    def get_or_encode(self, *_: object, **__: object) -> ImageEmbedding:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NoWorker("no worker is running"), 503, "encoder_unavailable"),
        (RedisUnavailable("no Redis"), 503, "encoder_unavailable"),
        (EncodeTimeout("90 s"), 504, "encode_deadline_exceeded"),
        (WorkerError("?"), 500, "internal_error"),
    ],
)
def test_what_the_workers_cannot_do_is_told_with_their_message(
    run_backend: RunBackend,
    predictor: Predictor,
    host: Host,
    png: bytes,
    error: WorkerError,
    status: int,
    code: str,
) -> None:
    embeddings = BrokenEmbeddings(predictor)
    embeddings.error = error
    backend = run_backend(embeddings=embeddings, label_studio_url=host.url)
    host.serve(DOG, png)
    response = backend.predict(make_predict(DOG, make_keypoint(50, 50)))
    assert the_error(response, status, code) == str(error)
    assert ("retry-after" in response.headers) == (status == 503)


def test_a_fault_of_ours_is_json_too_and_its_traceback_is_logged(
    run_backend: RunBackend,
    predictor: Predictor,
    host: Host,
    png: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    embeddings = BrokenEmbeddings(predictor)
    embeddings.error = ZeroDivisionError("a fault")
    backend = run_backend(embeddings=embeddings, label_studio_url=host.url)
    host.serve(DOG, png)
    response = backend.predict(make_predict(DOG, make_keypoint(50, 50)))
    assert "a fault of this service" in the_error(response, 500, "internal_error")
    assert "ZeroDivisionError" in caplog.text
