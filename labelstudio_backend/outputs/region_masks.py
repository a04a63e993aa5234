"""What a stored region covers, of whatever kind it is: the way back from ``mask_regions``."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..rotated_boxes import fill_polygon, find_corners
from .brush_decoding import decode_brush_rle

_MASK_FIELDS = {"rle", "imageDataURL", "points"}


@dataclass(frozen=True)
class DrawnRegion:
    """A region that covers a part of an image.

    Attributes:
        image_name: the image tag it lies on.
        labels: what it is called; none for one that is still to be labelled.
        score: from 0 to 1, where a model made it.
        mask: (H, W) bool in the original frame.
    """

    image_name: str
    labels: tuple[str, ...]
    score: float | None
    mask: NDArray[np.bool_]


def read_drawn_regions(result: Sequence[Mapping[str, Any]]) -> list[DrawnRegion]:
    """What a prediction or an annotation covers, in its order.

    Args:
        result: as Label Studio's API answers it; items of one id are one region. What covers no
            area, as a keypoint or a choice, is left out.

    Raises:
        ValueError: a region cannot be read.
    """
    drawn = (_read_region(items) for items in group_items(result))
    return [region for region in drawn if region is not None]


def group_items(result: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The items of each region, in order: those of one id are one region."""
    regions: dict[object, list[Mapping[str, Any]]] = {}
    for number, item in enumerate(result):
        regions.setdefault(item.get("id", number), []).append(item)
    return list(regions.values())


def is_mask(item: Mapping[str, Any]) -> bool:
    """Whether an item is a mask: a brush, a bitmask or a polygon, and no box."""
    value = item.get("value")
    return isinstance(value, Mapping) and bool(_MASK_FIELDS & set(value))


def _read_region(items: Sequence[Mapping[str, Any]]) -> DrawnRegion | None:
    """A region of these items; None for what covers no area."""
    first = items[0]
    mask = _read_mask(first)
    if mask is None:
        return None
    values = [item.get("value") or {} for item in items]
    named = [value[kind] for value in values for kind in value if kind.endswith("labels")]
    labels = tuple(dict.fromkeys(str(label) for labels in named for label in labels))
    return DrawnRegion(str(first.get("to_name")), labels, first.get("score"), mask)


def _read_mask(region: Mapping[str, Any]) -> NDArray[np.bool_] | None:
    value = region.get("value")
    if not isinstance(value, Mapping):
        return None
    try:
        return _read_value(value, region)
    except (TypeError, KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"a region of type {region.get('type')!r:.40} cannot be read ({error})"
        ) from error


def _read_value(value: Mapping[str, Any], region: Mapping[str, Any]) -> NDArray[np.bool_] | None:
    if not (_MASK_FIELDS & set(value) or {"width", "height"} <= set(value)):
        return None
    size_hw = int(region["original_height"]), int(region["original_width"])
    if "rle" in value:
        return decode_brush_rle(value["rle"], size_hw)
    if "imageDataURL" in value:
        return _read_bitmask(str(value["imageDataURL"]), size_hw)
    if "points" in value:
        points = [(x / 100 * size_hw[1], y / 100 * size_hw[0]) for x, y in value["points"]]
        return fill_polygon(points, size_hw)
    box = (value["x"], value["y"], value["width"], value["height"])
    return fill_polygon(find_corners(box, value.get("rotation") or 0, size_hw), size_hw)


def _read_bitmask(url: str, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    content = base64.b64decode(url.partition(",")[2])
    with Image.open(io.BytesIO(content)) as picture:
        if (picture.height, picture.width) != size_hw:
            raise ValueError(
                f"the bitmask has {picture.width}×{picture.height} pixels, its image "
                f"{size_hw[1]}×{size_hw[0]}"
            )
        return np.asarray(picture.convert("RGBA"))[..., 3] > 0
