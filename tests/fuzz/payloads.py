"""What Label Studio and our own commands send, for tests to break."""

import json
from copy import deepcopy
from pathlib import Path

from ..labelstudio_backend.label_studio_requests import (
    CAPTURED,
    LABEL_CONFIG,
    PROJECT,
    Json,
    make_keypoint,
    make_predict,
    make_rectangle,
)

Payload = tuple[str, Json]
"""Path, and body of a POST."""

_BRUSH = {
    "id": "b1", "from_name": "tag", "to_name": "image", "type": "brushlabels",
    "original_width": 160, "original_height": 120, "image_rotation": 0,
    "value": {"format": "rle", "rle": [0, 1, 44, 0, 37, 0, 255, 0, 4, 3], "brushlabels": ["Dog"]},
}  # fmt: skip


def make_payloads(image: str, captured_image: str) -> dict[str, Payload]:
    """Bodies by what they are; those of a real Label Studio where the captures are at hand.

    Args:
        image: what a task says of an image of 160 × 120 pixels.
        captured_image: of one of 1072 × 603, as the captured clicks were made on.
    """
    made = _make_own(image)
    for path in sorted(CAPTURED.glob("*.json")) if CAPTURED.is_dir() else ():
        captured = _read_captured(path, captured_image)
        if captured is not None:
            made[f"captured {path.stem}"] = captured
    return made


def _make_own(image: str) -> dict[str, Payload]:
    point, box = make_keypoint(40, 60), make_rectangle(20, 20, 50, 60, rotation=10)
    negative = make_keypoint(5, 5, is_positive=False)
    with_history = make_predict(image, point)
    stored = {"id": 4, "result": [_BRUSH, box], "was_cancelled": False,
              "updated_at": "2026-01-02T03:04:05.000006Z"}  # fmt: skip
    with_history["tasks"][0] |= {
        "annotations": [stored],
        "drafts": [{**stored, "id": 5}],
        "predictions": [{"id": 6, "result": [box], "model_version": "detector", "score": 0.5}],
    }
    batch = deepcopy(with_history) | {"params": {"login": None, "context": None}}
    batch["tasks"] = [{**batch["tasks"][0], "id": number} for number in range(3)]
    project = {"id": 1, "label_config": LABEL_CONFIG, "title": "Dogs"}
    return {
        "point": ("/predict", make_predict(image, point)),
        "points": ("/predict", make_predict(image, point, make_keypoint(60, 40), negative)),
        "box": ("/predict", make_predict(image, box)),
        "box and point": ("/predict", make_predict(image, box, negative)),
        "history": ("/predict", with_history),
        "batch": ("/predict", batch),
        "setup": (
            "/setup",
            {"project": PROJECT, "schema": LABEL_CONFIG, "hostname": "http://localhost:8080",
             "access_token": "token", "extra_params": {}},
        ),
        "validate": ("/validate", {"config": LABEL_CONFIG}),
        "webhook": (
            "/webhook",
            {"action": "TASKS_CREATED", "project": project,
             "tasks": [{"id": 1, "data": {"image": image}}]},
        ),
        "run": (
            "/runs",
            {"project": 1, "prompts": "file", "label": "Dog", "limit": 2, "view": None,
             "filters": {"conjunction": "and", "items": []}, "keep_embeddings": False,
             "boxes": [{"task": 1, "image": "dog.png", "label": "Dog", "box": [1, 2, 30, 40]}],
             "dry_run": True},
        ),
        "warm": ("/warm", {"project": 1, "limit": 1}),
    }  # fmt: skip


def _read_captured(path: Path, image: str) -> Payload | None:
    """A captured POST with an image that is there; None for other requests."""
    if "data_uri" in path.stem:  # on an image of another size
        return None
    body = json.loads(path.read_text()).get("body")
    if not isinstance(body, dict):
        return None
    call = next(name for name in ("predict", "setup", "webhook") if path.stem.startswith(name))
    if "tasks" in body:  # words stand in the place of those that were left out
        body["tasks"] = [task for task in body["tasks"] if isinstance(task, dict)]
        for task in body["tasks"]:
            task.get("data", {})["image"] = image
    return f"/{call}", body
