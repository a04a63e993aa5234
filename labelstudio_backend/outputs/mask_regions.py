"""The regions that Label Studio draws for a mask, of whatever kind the label config has."""

from collections.abc import Callable, Mapping
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from ..control_tag import Labels
from .bitmask import make_bitmask
from .brush import make_brush
from .output_tag import OutputTag
from .polygon import make_polygons
from .rectangle import make_rectangle

Region = dict[str, object]
Shape = dict[str, object]

_SHAPES: Mapping[str, Callable[[NDArray[np.bool_]], list[Shape]]] = {
    "brush": lambda mask: [make_brush(mask)],
    "bitmask": lambda mask: [make_bitmask(mask)],
    "polygon": make_polygons,
    "rectangle": lambda mask: [make_rectangle(mask)],
}


def make_regions(
    mask: NDArray[np.bool_], score: float, output: OutputTag, labels: Labels
) -> list[Region]:
    """The regions that Label Studio draws for a mask.

    Args:
        mask: (H, W) bool in the original frame, with at least one pixel.
        score: its predicted IoU, from 0 to 1.
        output: the tag that the regions belong to.
        labels: labels that the tag has; none for a region that is still to be labelled.

    Returns:
        One item a region. Where labels are a tag of their own, two of one id: the shape, and the
        shape with its labels.
    """
    height_px, width_px = mask.shape
    regions: list[Region] = []
    for shape in _SHAPES[output.shape](mask):
        common: Region = {
            "id": uuid4().hex[:10],
            "to_name": output.image_name,
            "original_width": width_px,
            "original_height": height_px,
            "image_rotation": 0,
            "score": score,
            "readonly": False,
        }
        regions.extend({**common, **item} for item in _make_items(shape, output, labels))
    return regions


def _make_items(shape: Shape, output: OutputTag, labels: Labels) -> list[Region]:
    kind, label_tag = output.tag.kind, output.label_tag
    if label_tag is output.tag:
        return [{"from_name": output.name, "type": kind, "value": {**shape, kind: list(labels)}}]
    items: list[Region] = [{"from_name": output.name, "type": kind, "value": shape}]
    if label_tag is not None and labels:
        value = {**shape, label_tag.kind: list(labels)}
        items.append({"from_name": label_tag.name, "type": label_tag.kind, "value": value})
    return items
