"""Masks that annotators accepted, as Label Studio keeps them."""

from typing import Any

import numpy as np
import pytest

from labelstudio_backend import encode_brush_rle
from labelstudio_backend.errors import MasksUnusable
from labelstudio_backend.label_studio.answers import DrawnTask
from labelstudio_backend.runs.accepted_masks import read_accepted_masks

SIZE_HW = (20, 40)
SQUARE = np.zeros(SIZE_HW, bool)
SQUARE[5:15, 10:30] = True


def make_region(name: str, value: dict[str, Any], image: str = "image") -> dict[str, Any]:
    return {
        "id": name,
        "to_name": image,
        "type": "any",
        "original_height": SIZE_HW[0],
        "original_width": SIZE_HW[1],
        "value": value,
    }


BRUSH = make_region("b", {"format": "rle", "rle": encode_brush_rle(SQUARE)})
EMPTY = make_region("e", {"format": "rle", "rle": encode_brush_rle(np.zeros(SIZE_HW, bool))})
POLYGON = make_region("p", {"points": [[25, 25], [75, 25], [75, 75], [25, 75]]})
BOX = make_region("x", {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0})


def annotate(*regions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"id": 1, "was_cancelled": False, "result": list(regions), **changes}


def make_task(*annotations: dict[str, Any]) -> DrawnTask:
    return DrawnTask.model_validate({"id": 7, "annotations": annotations})


def test_a_brush_and_a_polygon_around_the_same_place_are_masks_of_it() -> None:
    (found,) = read_accepted_masks(make_task(annotate(BRUSH, POLYGON)))
    assert (found.image_name, found.size_hw, found.empty) == ("image", SIZE_HW, 0)
    brush, polygon = found.masks
    assert np.array_equal(brush, SQUARE)
    assert polygon[SQUARE].all()
    edge = np.zeros(SIZE_HW, bool)
    edge[4:16, 9:31] = True
    assert not polygon[~edge].any()


def test_boxes_and_tasks_without_an_annotation_give_nothing() -> None:
    assert read_accepted_masks(make_task(annotate(BOX))) == []
    assert read_accepted_masks(make_task()) == []
    assert read_accepted_masks(make_task(annotate(BRUSH, was_cancelled=True))) == []


def test_the_annotation_that_was_saved_last_counts() -> None:
    old = annotate(BRUSH, id=1, updated_at="2026-01-01T00:00:00Z")
    new = annotate(BRUSH, POLYGON, id=2, updated_at="2026-01-02T00:00:00Z")
    (found,) = read_accepted_masks(make_task(new, old))
    assert len(found.masks) == 2


def test_an_empty_mask_is_counted_and_left_out() -> None:
    (found,) = read_accepted_masks(make_task(annotate(BRUSH, EMPTY)))
    assert (len(found.masks), found.empty) == (1, 1)


def test_nothing_but_empty_masks_is_said() -> None:
    with pytest.raises(MasksUnusable, match="none of its masks has a pixel"):
        read_accepted_masks(make_task(annotate(EMPTY)))


def test_masks_of_different_sizes_on_one_image_are_said() -> None:
    other = {**POLYGON, "original_width": 50}
    with pytest.raises(MasksUnusable, match="sizes: 40×20 and 50×20 pixels"):
        read_accepted_masks(make_task(annotate(BRUSH, other)))


def test_each_image_of_a_task_has_its_own_masks() -> None:
    other = {**POLYGON, "original_width": 50, "to_name": "second"}
    first, second = read_accepted_masks(make_task(annotate(BRUSH, other)))
    assert (first.image_name, second.image_name) == ("image", "second")
    assert second.size_hw == (20, 50)


def test_a_region_that_cannot_be_read_is_said() -> None:
    broken = make_region("b", {"format": "rle", "rle": [1, 2, 3]})
    with pytest.raises(MasksUnusable, match="cannot be read"):
        read_accepted_masks(make_task(annotate(broken)))
