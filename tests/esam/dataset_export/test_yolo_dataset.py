"""YOLO's polygons, drawn again with OpenCV as Ultralytics draws them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from esam.dataset_export.labelled_image import MaskArray
from esam.dataset_export.yolo_dataset import YoloWriter, join_rings

from .drawn import SIZE_HW, make_disc, make_image


def fill(ring: NDArray[np.float64]) -> MaskArray:
    """``ultralytics.data.utils.polygon2mask``, from shares of the image."""
    corners = (ring * SIZE_HW[::-1]).astype(np.int32)
    canvas = np.zeros(SIZE_HW, np.uint8)
    cv2.fillPoly(canvas, [corners], color=[1])
    return np.asarray(canvas > 0)


def iou(a: MaskArray, b: MaskArray) -> float:
    return float((a & b).sum() / (a | b).sum())


THREE_PARTS = make_disc(25, 25, 20) | make_disc(90, 60, 25) | make_disc(25, 70, 12)


@pytest.mark.parametrize(
    ("mask", "meant"),
    [
        (make_disc(60, 40, 30), make_disc(60, 40, 30)),
        (make_disc(60, 40, 30) & ~make_disc(60, 40, 8), make_disc(60, 40, 30)),
        (THREE_PARTS, THREE_PARTS),
        (np.ones(SIZE_HW, bool), np.ones(SIZE_HW, bool)),
    ],
    ids=["one part", "a hole, filled", "three parts, joined", "everything"],
)
def test_one_ring_goes_around_all_of_an_object(mask: MaskArray, meant: MaskArray) -> None:
    ring = join_rings(mask)
    assert ring.min() >= 0
    assert ring.max() <= 1
    assert iou(fill(ring), meant) > 0.93  # OpenCV's edges are a pixel wide


def test_a_line_is_an_object_and_the_numbers_are_those_of_the_yaml(tmp_path: Path) -> None:
    writer = YoloWriter(tmp_path, ("Cat", "Dog: old"))
    writer.add(make_image(("Dog: old", make_disc(60, 40, 30)), ("Cat", make_disc(10, 10, 8))))
    assert writer.add(make_image(name="empty.jpg")) == 0
    writer.finish()
    described = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert described["names"] == {0: "Cat", 1: "Dog: old"}
    assert described["train"] == writer.image_folder
    first, second = (tmp_path / "labels" / "dog.txt").read_text().splitlines()
    assert (first.split()[0], second.split()[0]) == ("1", "0")
    ring = np.array(first.split()[1:], float).reshape(-1, 2)
    assert iou(fill(ring), make_disc(60, 40, 30)) > 0.93
    assert (tmp_path / "labels" / "empty.txt").read_text() == ""
