"""Rectangles as Label Studio turns them, and the pixels in them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

PointPx = tuple[float, float]


def find_corners(
    xywh_percent: tuple[float, float, float, float], rotation: float, size_hw: tuple[int, int]
) -> tuple[PointPx, PointPx, PointPx, PointPx]:
    """The corners of a rectangle that is turned around its first one.

    Args:
        xywh_percent: top-left corner and size before it is turned, in percent of the image.
        rotation: degrees, clockwise, in pixels.
        size_hw: original (height, width).

    Returns:
        (x, y) in original pixels: top left, top right, bottom right, bottom left, turned.
    """
    height_px, width_px = size_hw
    x, y, width, height = xywh_percent
    x_px, y_px = x / 100 * width_px, y / 100 * height_px
    across, down = width / 100 * width_px, height / 100 * height_px
    # Percents are of two different lengths: only in pixels is a rotation a rotation.
    angle = math.radians(rotation)
    cos, sin = math.cos(angle), math.sin(angle)
    return (
        (x_px, y_px),
        (x_px + across * cos, y_px + across * sin),
        (x_px + across * cos - down * sin, y_px + across * sin + down * cos),
        (x_px - down * sin, y_px + down * cos),
    )


def fill_polygon(points_px: Sequence[PointPx], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels in a polygon; along its edge, those within half a pixel may be in it too.

    Args:
        points_px: (x, y) in order; a pixel's centre is half a pixel from its corner.
        size_hw: of the image, pixels.

    Returns:
        (H, W) bool.
    """
    inside = Image.new("1", (size_hw[1], size_hw[0]))
    centred = [(x - 0.5, y - 0.5) for x, y in points_px]
    ImageDraw.Draw(inside).polygon(centred, fill=1)
    return np.asarray(inside)
