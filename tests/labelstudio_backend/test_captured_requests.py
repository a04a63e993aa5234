"""What a real Label Studio 1.23.2 sent, answered over HTTP."""

import base64
import logging

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle

from .answers import the_prediction
from .conftest import TOKEN, Backend
from .image_host import Host, make_png
from .label_studio_requests import read_captured


@pytest.mark.parametrize(
    "name",
    [
        "predict_interactive_api_keypoint",
        "predict_interactive_keypoint",
        "predict_interactive_negative",
        "predict_interactive_rectangle",
        "predict_interactive_two_points",
        "predict_interactive_with_draft",
        "predict_interactive_with_manual_keypoints",
        "predict_interactive_with_prediction",
    ],
)
def test_captured_clicks_on_uploads_are_answered(backend: Backend, host: Host, name: str) -> None:
    body = read_captured(name)
    host.serve(body["tasks"][0]["data"]["image"], make_png(np.zeros((603, 1072, 3), np.uint8)))
    prediction = the_prediction(backend.predict(body))
    prompts = body["params"]["context"]["result"]
    labels = {x for r in prompts for x in r["value"][r["type"]]}
    assert {x for r in prediction["result"] for x in r["value"]["brushlabels"]} == labels
    for region in prediction["result"]:
        assert decode_rle(region["value"]["rle"]).size == 603 * 1072 * 4
    assert host.authorizations == [f"Token {TOKEN}"]


def test_a_captured_click_on_a_local_file_is_answered(backend: Backend, host: Host) -> None:
    setup = read_captured("setup")
    assert backend.client.post("/setup", json=setup).status_code == 200
    body = read_captured("predict_interactive_keypoint_local_files")
    host.serve(
        "/data/local-files/?d=imgs/dogs_local.jpg", make_png(np.zeros((603, 1072, 3), np.uint8))
    )
    # The task's URL starts with the hostname of the captured setup; Label Studio is `host` here.
    the_prediction(backend.predict(body))
    assert host.authorizations == [f"Token {TOKEN}"]


def test_a_captured_click_on_a_data_uri_is_answered(backend: Backend) -> None:
    body = read_captured("predict_interactive_keypoint_data_uri")
    png = make_png(np.zeros((225, 400, 3), np.uint8))
    encoded = base64.b64encode(png).decode()
    body["tasks"][0]["data"]["image"] = f"data:image/png;base64,{encoded}"
    the_prediction(backend.predict(body))


@pytest.mark.parametrize("name", ["predict_batch", "predict_on_task_open"])
def test_captured_calls_without_context_get_one_empty_list_a_task(
    backend: Backend, host: Host, name: str
) -> None:
    body = read_captured(name)
    body["tasks"] = [task for task in body["tasks"] if isinstance(task, dict)]
    response = backend.predict(body)
    assert response.json() == {"results": [[] for _ in body["tasks"]]}
    assert host.requests == []


@pytest.mark.parametrize(
    "name",
    [
        "webhook_annotation_created",
        "webhook_annotation_created_skipped",
        "webhook_annotation_updated",
        "webhook_annotations_deleted",
        "webhook_project_updated",
        "webhook_start_training",
        "webhook_tasks_created",
        "webhook_tasks_deleted",
    ],
)
def test_captured_events_are_taken_and_logged_without_their_payload(
    backend: Backend, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    body = read_captured(name)
    caplog.set_level(logging.INFO)
    assert backend.client.post("/webhook", json=body).status_code == 200
    assert f"action={body['action']!r}" in caplog.text
    assert "label_config" not in caplog.text
