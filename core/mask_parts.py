"""The connected parts of a mask: specks removed, holes filled, all on the low-resolution logits.

Cells are connected to the four beside them. A part is found as a set of horizontal runs, of which a
mask has hundreds where it has ten thousands of cells.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_WEAKEST_LOGIT = np.float32(1e-3)
"""A logit nearer zero would lose its sign when it is kept as float16."""

_FIRM_SHARE = np.float32(0.25)

_NO_CELLS: NDArray[np.int64] = np.empty((0, 2), np.int64)


def clean_parts(
    logits: NDArray[np.float32],
    min_cells: float,
    spared_xy: NDArray[np.int64] = _NO_CELLS,
) -> NDArray[np.float32]:
    """Remove specks and fill holes of fewer cells.

    Args:
        logits: (L, L); a cell belongs to the mask where its logit is >= 0.
        min_cells: the smallest part that stays as it is.
        spared_xy: (N, 2) cells whose part stays, however small.

    Returns:
        (L, L) logits of the clean mask: a cell that changes sides changes its sign.
    """
    without_specks = _Parts(logits >= 0).draw_large(min_cells, spared_xy)
    clean = ~_Parts(~without_specks).draw_large(min_cells, spared_xy)
    return _take_sides(logits, clean)


def keep_parts_at(logits: NDArray[np.float32], cells_xy: NDArray[np.int64]) -> NDArray[np.float32]:
    """Remove the parts that hold none of these cells.

    Args:
        logits: (L, L); a cell belongs to the mask where its logit is >= 0.
        cells_xy: (N, 2).

    Returns:
        (L, L) logits; as they are when no part holds any of the cells.
    """
    parts = _Parts(logits >= 0)
    kept = parts.find_at(cells_xy)
    return _take_sides(logits, parts.draw(np.isin(parts.of_run, kept))) if len(kept) else logits


def firm_up(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Strengthen weak cells inside the mask, and outside of it, where no edge is near.

    Beside strong cells bicubic interpolation overshoots a weak one, and its pixels change sides:
    pinholes in a mask that has none.

    Args:
        logits: (L, L); a cell belongs to the mask where its logit is >= 0.

    Returns:
        (L, L) logits of the same cells, at least a quarter as strong as their strongest neighbour.
    """
    mask, strength = logits >= 0, np.abs(logits)
    is_inner = ~(_spread(mask, 3) & _spread(~mask, 3))
    strongest = _FIRM_SHARE * _spread(strength, 5)
    return _take_sides(np.where(is_inner, np.maximum(strength, strongest), strength), mask)


def _spread(cells: NDArray[Any], side: int) -> NDArray[Any]:
    """(L, L) the largest value in the square of so many cells around each."""
    reach = side // 2
    for axis in (0, 1):
        lined = np.moveaxis(cells, axis, 0)
        spread = lined.copy()
        for step in range(1, reach + 1):
            np.maximum(spread[step:], lined[:-step], out=spread[step:])
            np.maximum(spread[:-step], lined[step:], out=spread[:-step])
        cells = np.moveaxis(spread, 0, axis)
    return cells


def _take_sides(logits: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    strength = np.maximum(np.abs(logits), _WEAKEST_LOGIT)
    return np.where(mask, strength, -strength)


class _Parts:
    """The connected parts of an (L, L) mask, as runs of cells in a row.

    Attributes:
        of_run: (R,) the part that each run belongs to: the number of its first run.
    """

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self._height, width = mask.shape
        # A column of False ends each row, so that no run goes on in the next one.
        self._stride = width + 1
        flat = np.pad(mask, ((0, 0), (0, 1))).ravel()
        edges = np.flatnonzero(np.diff(flat, prepend=False))
        self._starts, self._ends = edges[::2], edges[1::2]
        self.of_run = _part_of_run(self._starts, self._ends, self._stride)

    def find_at(self, cells_xy: NDArray[np.int64]) -> NDArray[np.int64]:
        """The parts that hold any of (N, 2) cells."""
        if not len(self._starts):
            return np.empty(0, np.int64)
        flat = cells_xy[:, 1] * self._stride + cells_xy[:, 0]
        run = np.searchsorted(self._starts, flat, side="right") - 1
        is_held = (run >= 0) & (flat < self._ends[run])
        return np.unique(self.of_run[run[is_held]])

    def draw_large(self, min_cells: float, spared_xy: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(L, L) bool of the parts of so many cells, and of those that hold a spared one."""
        cells = np.bincount(self.of_run, weights=self._ends - self._starts, minlength=1)
        is_large = cells[self.of_run] >= min_cells
        return self.draw(is_large | np.isin(self.of_run, self.find_at(spared_xy)))

    def draw(self, is_drawn: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(L, L) bool of some of the runs."""
        steps = np.zeros(self._height * self._stride, dtype=np.int8)
        steps[self._starts[is_drawn]] = 1
        steps[self._ends[is_drawn]] = -1
        mask = np.cumsum(steps, dtype=np.int8) > 0
        return mask.reshape(self._height, self._stride)[:, :-1]


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
