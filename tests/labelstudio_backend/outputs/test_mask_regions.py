from typing import Any

import numpy as np
import pytest
from label_studio_sdk.label_interface import LabelInterface

from labelstudio_backend.label_config import parse_label_config
from labelstudio_backend.outputs import make_regions

from .drawn_masks import iou, read_mask
from .label_configs import CONFIGS, make_config

MASK = np.zeros((60, 100), np.bool_)
MASK[10:30, 20:70] = True


def make(xml: str, *labels: str, mask: Any = MASK) -> list[dict[str, Any]]:
    output = parse_label_config(xml).find_output_tag(labels, "image")
    return make_regions(mask, 0.9, output, labels)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("labels", [("Dog",), ()])
def test_label_studio_takes_the_region_of_each_kind(name: str, labels: tuple[str, ...]) -> None:
    regions = make(CONFIGS[name], *labels)
    interface = LabelInterface(CONFIGS[name])
    errors = interface.validate_prediction({"result": regions, "score": 0.9}, return_errors=True)
    assert errors == []


@pytest.mark.parametrize("name", [name for name in CONFIGS if " and " not in name])
def test_a_tag_with_labels_makes_one_region_that_carries_them(name: str) -> None:
    (region,) = make(CONFIGS[name], "Dog")
    assert region.pop("id") != make(CONFIGS[name], "Dog")[0]["id"]
    assert iou(read_mask(region), MASK) >= 0.98
    kind = name.lower()
    assert region.pop("value")[kind] == ["Dog"]
    assert region == {
        "from_name": "tag",
        "to_name": "image",
        "type": kind,
        "original_width": 100,
        "original_height": 60,
        "image_rotation": 0,
        "score": 0.9,
        "readonly": False,
    }


@pytest.mark.parametrize("name", [name for name in CONFIGS if " and " in name])
def test_labels_beside_are_a_second_item_of_the_same_id(name: str) -> None:
    shape, labels = make(CONFIGS[name], "Dog")
    kind = name.split()[0].lower()
    assert (shape["from_name"], shape["type"]) == ("tag", kind)
    assert (labels["from_name"], labels["type"]) == ("labels", "labels")
    assert shape["id"] == labels["id"]
    assert labels["value"] == {**shape["value"], "labels": ["Dog"]}
    assert iou(read_mask(shape), MASK) >= 0.98
    assert len(make(CONFIGS[name])) == 1


def test_a_brush_without_any_labels_is_the_shape_alone() -> None:
    (region,) = make(make_config('<Brush name="tag" toName="image"/>'))
    assert (region["type"], set(region["value"])) == ("brush", {"format", "rle"})


def test_each_part_of_a_mask_is_a_polygon_region_of_its_own() -> None:
    mask = MASK.copy()
    mask[40:50, 5:95] = True
    first, second = make(CONFIGS["PolygonLabels"], "Dog", mask=mask)
    assert first["id"] != second["id"]
    assert iou(read_mask(first) | read_mask(second), mask) >= 0.98
