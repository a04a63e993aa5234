"""Requests as Label Studio sends them: made, and captured from a real one."""

import json
from pathlib import Path
from typing import Any

import pytest

CAPTURED = Path(__file__).resolve().parents[3] / "shared" / "captured"
"""Requests that a real Label Studio sent; not part of the checkout."""


Json = dict[str, Any]

PROJECT = "2.1795393297"
LABEL_CONFIG = """<View>
<Image name="image" value="$image" zoom="true"/>
<BrushLabels name="tag" toName="image"><Label value="Dog"/><Label value="Cat"/></BrushLabels>
<KeyPointLabels name="tag2" toName="image" smart="true">
  <Label value="Dog"/><Label value="Cat"/><Label value="Bird"/>
</KeyPointLabels>
<RectangleLabels name="tag3" toName="image" smart="true">
  <Label value="Dog"/><Label value="Cat"/>
</RectangleLabels>
</View>"""


def make_keypoint(
    x: float, y: float, label: str = "Dog", *, size_wh: tuple[int, int] = (160, 120), **more: Any
) -> Json:
    """A smart keypoint as Label Studio's page sends it; x and y in percent."""
    return {
        "original_width": size_wh[0],
        "original_height": size_wh[1],
        "image_rotation": 0,
        "value": {"x": x, "y": y, "width": 0.3, "labels": [label], "keypointlabels": [label]},
        "is_positive": True,
        "id": "vOZS4T1V8c",
        "from_name": "tag2",
        "to_name": "image",
        "type": "keypointlabels",
        "origin": "manual",
        **more,
    }


def make_rectangle(
    x: float,
    y: float,
    width: float,
    height: float,
    label: str = "Dog",
    *,
    rotation: float = 0,
    size_wh: tuple[int, int] = (160, 120),
) -> Json:
    """A smart rectangle as Label Studio's page sends it; in percent and degrees."""
    return {
        "original_width": size_wh[0],
        "original_height": size_wh[1],
        "image_rotation": 0,
        "value": {
            "x": x,
            "y": y,
            "width": width,
            "height": height,
            "rotation": rotation,
            "rectanglelabels": [label],
        },
        "id": "a1",
        "from_name": "tag3",
        "to_name": "image",
        "type": "rectanglelabels",
        "origin": "manual",
    }


def make_predict(
    image: str, *regions: Json, label_config: str = LABEL_CONFIG, project: str = PROJECT
) -> Json:
    """An interactive call on one task."""
    return {
        "tasks": [{"id": 6, "data": {"image": image}, "annotations": [], "predictions": []}],
        "project": project,
        "label_config": label_config,
        "params": {"login": None, "password": None, "context": {"result": list(regions)}},
    }


def read_captured(name: str) -> Json:
    """The body of a captured request; skips where the captures are not at hand."""
    path = CAPTURED / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no captured request {name}.json beside this checkout")
    body: Json = json.loads(path.read_text())["body"]
    return body
