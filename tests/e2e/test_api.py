"""Clicks and boxes through the real Label Studio's API."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray

from core import Predictor, Prompt, load_predictor, read_image

from ..closer_look import predict_closely
from ..running_stack import RunningStack
from .label_studio import LabelStudio

SIZE_HW = (400, 600)
PROMPTS = {
    "click": Prompt(points=[[290, 150]]),
    "box": Prompt(box=[76, 16, 482, 392]),
}


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return load_predictor("nano", dtype="auto")


def smart_region(prompt: Prompt) -> dict[str, Any]:
    """One smart keypoint or rectangle, as the page sends it."""
    height_px, width_px = SIZE_HW
    common = {
        "original_width": width_px,
        "original_height": height_px,
        "image_rotation": 0,
        "to_name": "image",
        "id": "r1",
        "origin": "manual",
    }
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box / [6, 4, 6, 4]
        size = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}
        value = {**size, "rectanglelabels": ["Dog"]}
        return {**common, "type": "rectanglelabels", "from_name": "tag3", "value": value}
    x, y = prompt.points[0] / [6, 4]
    value = {"x": x, "y": y, "width": 0.3, "labels": ["Dog"], "keypointlabels": ["Dog"]}
    return {
        **common,
        "type": "keypointlabels",
        "from_name": "tag2",
        "is_positive": True,
        "value": value,
    }


def mask_of(region: dict[str, Any]) -> NDArray[np.bool_]:
    size_hw = (region["original_height"], region["original_width"])
    return np.reshape(decode_rle(region["value"]["rle"]), (*size_hw, 4))[..., 3] > 0


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("kind", PROMPTS)
def test_a_smart_region_on_an_uploaded_image_gives_the_mask_that_core_gives(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, predictor: Predictor, kind: str
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    answer = label_studio.ask(project, task, smart_region(PROMPTS[kind]))
    (region,) = answer["data"]["result"]
    assert (region["from_name"], region["value"]["brushlabels"]) == ("tag", ["Dog"])
    expected = predict_closely(predictor, read_image(photo), PROMPTS[kind])
    assert iou(mask_of(region), expected) > 0.98


def test_a_local_file_is_read_with_the_token(
    label_studio: LabelStudio, stack: RunningStack, photo: Path
) -> None:
    project, _ = label_studio.create_project(stack.url, photo)
    folder = label_studio.files / "photos"
    folder.mkdir()
    (folder / "coffee.jpg").write_bytes(photo.read_bytes())
    storage = {"project": project, "path": str(folder), "use_blob_urls": True, "title": "photos"}
    label_studio.api.post("/api/storages/localfiles", json=storage).raise_for_status()
    url = f"{label_studio.url}/data/local-files/?d=photos/coffee.jpg"
    label_studio.api.post(
        f"/api/projects/{project}/import", json=[{"image": url}]
    ).raise_for_status()
    task = max(label_studio.task_ids(project))
    answer = label_studio.ask(project, task, smart_region(PROMPTS["click"]))
    assert mask_of(answer["data"]["result"][0]).any()


def test_a_personal_access_token_serves_as_well(label_studio: LabelStudio, photo: Path) -> None:
    token = label_studio.api.post("/api/token/").json()["token"]
    environment = {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_KEY": token}
    stack = RunningStack(environment=environment)
    try:
        project, task = label_studio.create_project(stack.url, photo)
        answer = label_studio.ask(project, task, smart_region(PROMPTS["click"]))
    finally:
        stack.stop()
    assert mask_of(answer["data"]["result"][0]).any()
    assert token not in "".join(stack.lines)


def test_a_wrong_token_is_named_in_the_log(label_studio: LabelStudio, photo: Path) -> None:
    environment = {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_KEY": "0" * 40}
    stack = RunningStack(environment=environment)
    try:
        project, task = label_studio.create_project(stack.url, photo)
        answer = label_studio.ask(project, task, smart_region(PROMPTS["click"]))
    finally:
        stack.stop()
    assert "502" in answer["errors"][0]
    assert "image_token_refused" in "".join(stack.lines)


def test_a_batch_without_prompts_stores_no_empty_prediction(
    label_studio: LabelStudio, stack: RunningStack, photo: Path
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    label_studio.api.post(
        "/api/dm/actions",
        params={"id": "retrieve_tasks_predictions", "project": project},
        json={"selectedItems": {"all": True, "excluded": []}},
    ).raise_for_status()
    stored = label_studio.api.get("/api/predictions", params={"task": task}).json()
    assert stored == []
