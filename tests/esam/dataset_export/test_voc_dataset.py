"""Pascal VOC's files."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esam.dataset_export.voc_dataset import VocWriter, make_palette

from .drawn import make_disc, make_image


def test_the_palette_is_that_of_voc() -> None:
    # From the development kit: aeroplane, bicycle, person, tv monitor, void.
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 15: (192, 128, 128),
             20: (0, 64, 128), 255: (224, 224, 192)}  # fmt: skip
    palette = make_palette()
    assert {number: tuple(palette[number].tolist()) for number in known} == known


def test_boxes_classes_and_objects_say_the_same(tmp_path: Path) -> None:
    large, small = make_disc(60, 40, 30), make_disc(60, 40, 10)
    writer = VocWriter(tmp_path, ("Cat", "Dog"))
    assert writer.add(make_image(("Cat", small), ("Dog", large))) == 2
    writer.finish()
    root = ET.parse(tmp_path / "Annotations" / "dog.xml").getroot()  # noqa: S314  our own file
    assert root.findtext("filename") == "dog.jpg"
    assert [root.findtext(f"size/{name}") for name in ("width", "height")] == ["120", "90"]
    sides = ("xmin", "ymin", "xmax", "ymax")
    boxes = {
        found.findtext("name"): [int(found.findtext(f"bndbox/{side}", "0")) for side in sides]
        for found in root.iter("object")
    }
    assert boxes == {"Dog": [32, 12, 90, 70], "Cat": [52, 32, 70, 50]}
    with Image.open(tmp_path / "SegmentationClass" / "dog.png") as picture:
        assert picture.mode == "P"
        classes = np.asarray(picture)
        rgb = np.asarray(picture.convert("RGB"))
    with Image.open(tmp_path / "SegmentationObject" / "dog.png") as picture:
        objects = np.asarray(picture)
    np.testing.assert_array_equal(classes == 1, small)
    np.testing.assert_array_equal(classes == 2, large & ~small)
    np.testing.assert_array_equal(objects == 2, small)
    assert rgb[40, 60].tolist() == [128, 0, 0]
    labels = ["background:0,0,0::", "Cat:128,0,0::", "Dog:0,128,0::"]
    assert (tmp_path / "labelmap.txt").read_text().splitlines()[1:] == labels
    listed = tmp_path / "ImageSets" / "Segmentation" / "default.txt"
    assert listed.read_text() == "dog\n"


def test_more_objects_than_a_png_can_tell_apart_are_refused(tmp_path: Path) -> None:
    writer = VocWriter(tmp_path, ("Dog",))
    with pytest.raises(ValueError, match="254 objects"):
        writer.add(make_image(*[("Dog", make_disc(9, 9, 5))] * 255))
    assert not list(tmp_path.rglob("*.png"))
