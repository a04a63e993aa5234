"""The connected parts of a mask: specks removed, holes filled, all on the low-resolution logits.

Cells are connected to the four beside them. A part is found as a set of horizontal runs, of which a
mask has hundreds where it has ten thousands of cells.
"""

import numpy as np
from numpy.typing import NDArray

_WEAKEST_LOGIT = np.float32(1e-3)
"""A logit nearer zero would lose its sign when it is kept as float16."""


def clean_parts(logits: NDArray[np.float32], min_cells: float) -> NDArray[np.float32]:
    """Remove specks and fill holes of fewer cells.

    Args:
        logits: (L, L); a cell belongs to the mask where its logit is >= 0.
        min_cells: the smallest part that stays as it is.

    Returns:
        (L, L) logits of the clean mask: a cell that changes sides changes its sign.
    """
    clean = ~_keep_large_parts(~_keep_large_parts(logits >= 0, min_cells), min_cells)
    strength = np.maximum(np.abs(logits), _WEAKEST_LOGIT)
    return np.where(clean, strength, -strength)


def _keep_large_parts(mask: NDArray[np.bool_], min_cells: float) -> NDArray[np.bool_]:
    """(L, L) bool without the parts of fewer cells."""
    height, width = mask.shape
    # A column of False ends each row, so that no run goes on in the next one.
    stride = width + 1
    flat = np.pad(mask, ((0, 0), (0, 1))).ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    starts, ends = edges[::2], edges[1::2]
    part = _part_of_run(starts, ends, stride)
    cells = np.bincount(part, weights=ends - starts, minlength=1)
    is_large = cells[part] >= min_cells
    steps = np.zeros(flat.size, dtype=np.int8)
    steps[starts[is_large]] = 1
    steps[ends[is_large]] = -1
    return (np.cumsum(steps, dtype=np.int8) > 0).reshape(height, stride)[:, :width]


def _part_of_run(
    starts: NDArray[np.int64], ends: NDArray[np.int64], stride: int
) -> NDArray[np.int64]:
    """(R,) runs in order → (R,) the first run of the part that each belongs to."""
    # The runs of the next row that touch a run are neighbours in the order of runs.
    first = np.searchsorted(ends, starts + stride, side="right")
    count = np.searchsorted(starts, ends + stride, side="left") - first
    upper = np.repeat(np.arange(len(starts)), count)
    lower = np.arange(len(upper)) + np.repeat(first - (np.cumsum(count) - count), count)
    part = np.arange(len(starts))
    while (part[upper] != part[lower]).any():
        lowest = np.minimum(part[upper], part[lower])
        joined = part.copy()
        np.minimum.at(joined, part[upper], lowest)
        np.minimum.at(joined, part[lower], lowest)
        while (joined != joined[joined]).any():
            joined = joined[joined]
        part = joined
    return part
