"""The tight box around a mask, as Label Studio writes rectangles."""

import numpy as np
from numpy.typing import NDArray


def find_bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The tight box around a mask, in the frame where pixel i covers i to i + 1.

    Args:
        mask: (H, W) bool, at least one pixel set.

    Returns:
        (x0, y0, x1, y1), original pixels: the edges of the outermost pixels.
    """
    ys = np.flatnonzero(mask.any(axis=1))
    xs = np.flatnonzero(mask.any(axis=0))
    return int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1


def make_rectangle(mask: NDArray[np.bool_]) -> dict[str, object]:
    """What a rectangle region says of its place.

    Args:
        mask: (H, W) bool in the original frame, at least one pixel set.

    Returns:
        ``x``, ``y``, ``width``, ``height`` in percent of the image, ``rotation`` 0.
    """
    height_px, width_px = mask.shape
    x0, y0, x1, y1 = find_bounds(mask)
    return {
        "x": x0 / width_px * 100,
        "y": y0 / height_px * 100,
        "width": (x1 - x0) / width_px * 100,
        "height": (y1 - y0) / height_px * 100,
        "rotation": 0,
    }
