"""Masks that stay inside a rotated rectangle."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw


def cut_to_corners(
    mask: NDArray[np.bool_], corners_px: Sequence[tuple[float, float]]
) -> NDArray[np.bool_]:
    """The part of an (H, W) mask whose pixels lie inside, or on the edge of, a polygon.

    Args:
        mask: in the frame of the image.
        corners_px: (x, y) in order; a pixel's centre is half a pixel from its corner.
    """
    inside = Image.new("1", (mask.shape[1], mask.shape[0]))
    centred = [(x - 0.5, y - 0.5) for x, y in corners_px]
    ImageDraw.Draw(inside).polygon(centred, fill=1)
    return mask & np.asarray(inside)
