"""Reads regions back into masks, independently of how they were written."""

import base64
import io
from typing import Any

import numpy as np
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray
from PIL import Image
from skimage.draw import polygon2mask
from skimage.measure import label

Mask = NDArray[np.bool_]


def read_mask(region: dict[str, Any]) -> Mask:
    """(H, W) bool: the pixels whose middle lies in a region."""
    value = region["value"]
    size_hw = (region["original_height"], region["original_width"])
    if "rle" in value:
        return np.reshape(decode_rle(value["rle"]), (*size_hw, 4))[..., 3] > 0
    if "imageDataURL" in value:
        return read_png(value["imageDataURL"])[..., 3] > 0
    if "points" in value:
        return rasterise(value["points"], size_hw)
    corners = [(value["x"] + dx, value["y"] + dy) for dx, dy in _corners(value)]
    return rasterise(corners, size_hw)


def read_png(url: str) -> NDArray[np.uint8]:
    """(H, W, channels) of a PNG in a ``data:`` URL."""
    head, _, content = url.partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content, validate=True))) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def rasterise(points_pct: Any, size_hw: tuple[int, int]) -> Mask:
    """(H, W) bool of the pixels whose middle lies in a polygon of (x, y) in percent."""
    yx_px = np.asarray(points_pct, float)[:, ::-1] / 100 * size_hw
    mask: Mask = polygon2mask(size_hw, yx_px - 0.5)  # there, whole numbers are the middles
    return mask


def find_filled_parts(mask: Mask) -> list[Mask]:
    """The parts of a mask as scikit-image has them: holes filled, and none within another."""
    outside = label(np.pad(~mask, 1, constant_values=True), connectivity=1)
    filled = outside[1:-1, 1:-1] != outside[0, 0]
    parts = label(filled, connectivity=1)
    return [parts == number + 1 for number in range(parts.max())]


def as_drawn(shape: str, mask: Mask) -> Mask:
    """What a mask looks like once it is a brush, a bitmask, polygons or a rectangle."""
    parts = find_filled_parts(mask)
    largest = max(part.sum() for part in parts)
    rows, columns = np.nonzero(mask)
    box = np.zeros_like(mask)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    polygons = np.any([part for part in parts if part.sum() >= largest / 100], axis=0)
    return {"Rectangle": box, "Polygon": polygons}.get(shape, mask)


def iou(a: Mask, b: Mask) -> float:
    """Shared pixels among all pixels of two masks."""
    return float((a & b).sum() / (a | b).sum())


def _corners(value: dict[str, Any]) -> list[tuple[float, float]]:
    width, height = value["width"], value["height"]
    return [(0, 0), (width, 0), (width, height), (0, height)]
