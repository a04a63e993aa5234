"""From low-resolution logits to a mask in the original frame, where there can be a mask at all."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Interpolation = Literal["bilinear", "bicubic"]

_REACH_CELLS = 2
"""A pixel is made of the cells that are at most this far away, bicubic or bilinear."""

_STRIP_CELLS = 8
_STRIP_PX = 1 << 19


def resize_to_mask(
    logits: NDArray[np.floating],
    size_hw: tuple[int, int],
    mode: Interpolation,
    box: NDArray[np.float64] | None = None,
) -> NDArray[np.bool_]:
    """Resize logits and keep what is >= 0.

    Only the part of the frame is computed that cells >= 0 and the box can reach: the time depends
    on the object's size and not on the image's. Where every cell around is negative, the published
    resize can overshoot to a speck; there is none here.

    Args:
        logits: (L, L), finite; a cell belongs to the mask where it is >= 0.
        size_hw: (height, width) of the original image, pixels.
        mode: how to interpolate, with the edges of cells aligned.
        box: (4,) original pixels (x0, y0, x1, y1) that the mask does not leave.

    Returns:
        (H, W) bool.
    """
    mask = np.zeros(size_hw, np.bool_)
    cells = logits >= 0
    bounds = (None, None) if box is None else (box[1::2], box[0::2])
    rows, columns = (
        _reached_pixels(np.asarray(cells.any(axis=1 - axis)), size_hw[axis], bounds[axis])
        for axis in (0, 1)
    )
    if rows.start < rows.stop and columns.start < columns.stop:
        down = _weights(logits.shape[0], size_hw[0], mode)
        across = _weights(logits.shape[1], size_hw[1], mode)[columns]
        wide = torch.from_numpy(logits.astype(np.float32)) @ across.T
        cell_px = size_hw[0] / len(logits)
        for strip, near in _make_strips(rows, len(logits), cell_px, size_hw[1]):
            mask[strip, columns] = (down[strip, near] @ wide[near] >= 0).numpy()
    return mask


def _make_strips(
    rows: slice, cells: int, cell_px: float, width_px: int
) -> Iterator[tuple[slice, slice]]:
    """Strips of rows with the cells that they are made of.

    Resizing is a product with matrices that are zero but near the diagonal: in strips it takes a
    fraction of the sums, and what it writes stays in the processor's cache.
    """
    step = max(round(_STRIP_CELLS * cell_px), _STRIP_PX // width_px)
    for start in range(rows.start, rows.stop, step):
        stop = min(start + step, rows.stop)
        first = max(0, int(start / cell_px) - _REACH_CELLS)
        last = min(cells, int(np.ceil(stop / cell_px)) + _REACH_CELLS)
        yield slice(start, stop), slice(first, last)


def _reached_pixels(
    has_cells: NDArray[np.bool_], size_px: int, bounds: NDArray[np.float64] | None
) -> slice:
    """The pixels along an axis that the (L,) rows or columns with cells can reach."""
    found = np.flatnonzero(has_cells)
    if not len(found):
        return slice(0, 0)
    cell_px = size_px / len(has_cells)
    start = max(0, int(np.floor((found[0] - _REACH_CELLS) * cell_px)))
    stop = min(size_px, int(np.ceil((found[-1] + 1 + _REACH_CELLS) * cell_px)))
    if bounds is not None:
        start, stop = max(start, int(np.floor(bounds[0]))), min(stop, int(np.ceil(bounds[1])))
    return slice(start, stop)


@lru_cache(maxsize=8)
def _weights(cells: int, size_px: int, mode: Interpolation) -> Tensor:
    """(size_px, cells) float32, what each cell of an axis gives to each pixel."""
    one_each = torch.eye(cells)[None, None]
    return F.interpolate(one_each, size=(size_px, cells), mode=mode, align_corners=False)[0, 0]
