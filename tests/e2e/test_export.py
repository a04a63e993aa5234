"""A mask that was clicked and submitted in Label Studio, exported: the same pixels."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from core import Prompt

from ..esam.command_line import esam
from ..running_stack import RunningStack
from .label_studio import LabelStudio
from .test_api import mask_of, smart_region


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_submitted_mask_is_exported_pixel_by_pixel(
    label_studio: LabelStudio,
    stack: RunningStack,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    click = smart_region(Prompt(points=[[290, 150]]))
    region = label_studio.ask(project, task, click)["data"]["result"][0]
    submitted = label_studio.api.post(
        f"/api/tasks/{task}/annotations", json={"result": [click, region]}
    )
    assert submitted.is_success, submitted.text
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.token)
    assert esam("export", "--project", project, "--out", tmp_path / "set", "--images") == 0
    coco = json.loads((tmp_path / "set" / "annotations.json").read_text())
    (annotation,) = coco["annotations"]
    np.testing.assert_array_equal(coco_mask.decode(annotation["segmentation"]) > 0, mask_of(region))
    (image,) = coco["images"]
    with Image.open(tmp_path / "set" / "images" / image["file_name"]) as picture:
        assert picture.size == (image["width"], image["height"]) == (600, 400)
