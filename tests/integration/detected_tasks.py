"""Tasks with the boxes of a detector, and what became of them."""

import io
import time
from typing import Any

import httpx
import numpy as np
from PIL import Image
from pydantic import SecretStr

from core import Predictor
from labelstudio_backend import LabelStudioAccount
from labelstudio_backend.runs import RunProgress, RunService, RunState

from ..label_studio_stand_in import LabelStudioStandIn

WIDTH_PX, HEIGHT_PX = 64, 48
_TIMEOUT_S = 100


def make_account(label_studio: LabelStudioStandIn) -> LabelStudioAccount:
    return LabelStudioAccount(httpx.URL(label_studio.url), SecretStr(label_studio.token or ""))


def make_jpeg(number: int) -> bytes:
    file = io.BytesIO()
    rng = np.random.default_rng(number)
    Image.fromarray(rng.integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def rectangle(
    x: float, label: str, size_hw: tuple[int, int] = (HEIGHT_PX, WIDTH_PX)
) -> dict[str, Any]:
    """A box of 40 % by 50 %, as a detector's prediction holds it."""
    return {
        "id": "d1",
        "type": "rectanglelabels",
        "from_name": "tag3",
        "to_name": "image",
        "original_width": size_hw[1],
        "original_height": size_hw[0],
        "image_rotation": 0,
        "value": {
            "x": x, "y": 20, "width": 40, "height": 50, "rotation": 0, "rectanglelabels": [label],
        },
    }  # fmt: skip


def detect(
    label_studio: LabelStudioStandIn,
    task_id: int,
    *labels: str,
    size_hw: tuple[int, int] = (HEIGHT_PX, WIDTH_PX),
) -> None:
    """Give a task the boxes of a detector, on an image of this size."""
    result = [rectangle(10 * (1 + n), label, size_hw) for n, label in enumerate(labels)]
    stored = {"id": 900_000 + task_id, "result": result, "model_version": "detector", "score": 0.9}
    label_studio.predictions.setdefault(task_id, []).append(stored)


def add_tasks(label_studio: LabelStudioStandIn, count: int, *labels: str) -> list[int]:
    """Tasks with an image each, and boxes of these labels."""
    images = [label_studio.add_image(f"{n}.jpg", make_jpeg(n)) for n in range(count)]
    task_ids = label_studio.add_tasks([{"image": image} for image in images])
    for task_id in task_ids:
        if labels:
            detect(label_studio, task_id, *labels)
    return task_ids


def wait_until_over(runs: RunService, run_id: str) -> RunProgress:
    deadline = time.monotonic() + _TIMEOUT_S
    while (progress := runs.find(run_id)[1]).state is RunState.RUNNING:
        assert time.monotonic() < deadline, progress
        time.sleep(0.05)
    return progress


def wait_for_done(runs: RunService, run_id: str, count: int) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while (progress := runs.find(run_id)[1]).done < count:
        assert time.monotonic() < deadline, progress
        time.sleep(0.005)


def ours(label_studio: LabelStudioStandIn, task_id: int, version: str) -> list[dict[str, Any]]:
    """The predictions of a task that are of this model version."""
    stored = label_studio.predictions.get(task_id, [])
    return [one for one in stored if one["model_version"] == version]


def assert_one_each(
    label_studio: LabelStudioStandIn, task_ids: list[int], predictor: Predictor
) -> None:
    counts = {t: len(ours(label_studio, t, predictor.model_version)) for t in task_ids}
    assert counts == dict.fromkeys(task_ids, 1)
