"""Places of a scene to compare with each other, and the object that each of them lies in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PLACES = 384
_BACKGROUND_SHARE = 0.3


def draw_places(
    rng: np.random.Generator, objects: npt.NDArray[np.bool_], side: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Choose places of a scene, every object getting about as many as the next.

    Args:
        rng: source of the choice.
        objects: (N, S, S) disjoint masks.
        side: places are cells of a (side, side) grid, each seen at its middle.

    Returns:
        Flat cell numbers (384,) and the object each lies in (384,), 1 to N, 0 for background.
    """
    step = objects.shape[1] // side
    seen = objects[:, step // 2 :: step, step // 2 :: step]
    owner = (np.arange(1, len(seen) + 1)[:, None, None] * seen).sum(axis=0).ravel()
    counts = np.bincount(owner, minlength=len(seen) + 1).astype(np.float64)
    present = max(1, int((counts[1:] > 0).sum()))
    share = np.full(len(counts), (1 - _BACKGROUND_SHARE) / present)
    share[0] = _BACKGROUND_SHARE
    weights = (share / np.maximum(counts, 1))[owner]
    cells = rng.choice(len(owner), PLACES, p=weights / weights.sum())
    return cells, owner[cells]
