"""COCO files, read back by COCO's own library."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from esam.dataset_export.coco_dataset import CocoWriter
from esam.dataset_export.labelled_image import LabelledImage, LabelledObject

from .drawn import SIZE_HW, make_disc, make_image

# pycocotools 2.0.11 decodes with a form of numpy's protocol that numpy 2 calls old.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def load(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    coco = COCO(str(folder / "annotations.json"))
    capsys.readouterr()
    return coco


def test_pycocotools_reads_the_same_masks_boxes_and_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = make_disc(60, 40, 30) & ~make_disc(60, 40, 10)
    two_parts = make_disc(20, 20, 8) | make_disc(100, 70, 9)
    writer = CocoWriter(tmp_path, ("Cat", "Dog"))
    assert writer.add(make_image(("Dog", ring), ("Bird", two_parts))) == 2
    assert writer.add(make_image(("Cat", make_disc(3, 3, 9)), name="cat.png")) == 1
    writer.finish()
    coco = load(tmp_path, capsys)
    named = {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}
    assert named == {1: "Cat", 2: "Dog", 3: "Bird"}
    first, second = coco.loadImgs(coco.getImgIds())
    assert (first["file_name"], first["width"], first["height"]) == ("dog.jpg", 120, 90)
    assert (second["file_name"], first["task"]) == ("cat.png", 7)
    found = coco.loadAnns(coco.getAnnIds(imgIds=[first["id"]]))
    for annotation, (category, mask) in zip(found, [(2, ring), (3, two_parts)], strict=True):
        assert annotation["category_id"] == category
        np.testing.assert_array_equal(coco.annToMask(annotation) > 0, mask)
        assert annotation["area"] == mask.sum()
        assert annotation["bbox"] == coco_mask.toBbox(coco.annToRLE(annotation)).tolist()
        assert annotation["iscrowd"] == 0


@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_any_mask_comes_back_as_it_was(mask: NDArray[np.bool_]) -> None:
    mask[0, 0] = True
    size_hw = (mask.shape[0], mask.shape[1])
    found = LabelledObject("object", 0.5, mask)
    with TemporaryDirectory() as folder:
        writer = CocoWriter(Path(folder), ())
        writer.add(LabelledImage(1, "a.png", size_hw, iter([found])))
        writer.finish()
        (annotation,) = json.loads((Path(folder) / "annotations.json").read_text())["annotations"]
    np.testing.assert_array_equal(coco_mask.decode(annotation["segmentation"]) > 0, mask)
    assert annotation["score"] == 0.5


def test_an_image_that_fails_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_off() -> Iterator[LabelledObject]:
        yield LabelledObject("Dog", None, make_disc(9, 9, 5))
        raise ValueError("cannot be read")

    writer = CocoWriter(tmp_path, ("Dog",))
    with pytest.raises(ValueError, match="cannot be read"):
        writer.add(LabelledImage(7, "dog.jpg", SIZE_HW, break_off()))
    writer.add(make_image(("Dog", make_disc(50, 40, 10))))
    writer.finish()
    coco = load(tmp_path, capsys)
    assert coco.getImgIds() == coco.getAnnIds() == [1]
