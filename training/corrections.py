"""A further click where the model's own answer is wrong, as an annotator makes it.

Clicks drawn from the truth alone teach the first prompt; what comes after it depends on the answer.
So now and then a batch is decoded once without learning, and some of its prompts get the click that
corrects the largest error: inside where the mask misses the object, outside where it spills (the
training of interactive segmentation, RITM, arXiv 2102.06583).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt  # type: ignore[import-untyped]
from torch import Tensor

from training.prompts import NEGATIVE_LABEL, PADDING_LABEL, POINT_LABEL, SLOTS

BoolArray = npt.NDArray[np.bool_]
_LEAST_DEPTH = 1.0
"""An error thinner than this many cells is not clicked at."""

_MIDDLE = 0.5
"""Clicks fall where an error is at least so deep, of its greatest depth."""


def correct_answers(
    rng: np.random.Generator,
    points: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    logits: Tensor,
    iou: Tensor,
    truth: BoolArray,
    image_px: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Add a click to half of the prompts of a batch, where the answers to them are wrong.

    Args:
        rng: source of every choice.
        points: (B, Q, 6, 2) model-input pixels, (x, y).
        labels: (B, Q, 6), padding last.
        logits: (B, Q, 3, T, T), what the model says to them.
        iou: (B, Q, 3), which of it the model prefers.
        truth: (B, Q, T, T).
        image_px: side of the model input.

    Returns:
        New points and labels.
    """
    masks = (choose_candidates(logits, iou) >= 0).flatten(0, 1).cpu().numpy()
    corrected = correct_prompts(
        rng,
        points.reshape(-1, *points.shape[2:]),
        labels.reshape(-1, *labels.shape[2:]),
        masks,
        truth.reshape(masks.shape),
        image_px,
    )
    return corrected[0].reshape(points.shape), corrected[1].reshape(labels.shape)


def choose_candidates(logits: Tensor, iou: Tensor) -> Tensor:
    """Of (B, Q, 3, T, T) logits those of the highest of (B, Q, 3) predicted IoU, (B, Q, T, T)."""
    best = iou.argmax(dim=2)[..., None, None, None].expand(-1, -1, 1, *logits.shape[3:])
    return logits.gather(2, best).squeeze(2)


def correct_prompts(
    rng: np.random.Generator,
    points: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    masks: BoolArray,
    truth: BoolArray,
    image_px: int,
    share: float = 0.5,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Add a click to some of the prompts.

    Args:
        rng: source of every choice.
        points: (P, 6, 2) model-input pixels, (x, y).
        labels: (P, 6), padding last.
        masks: (P, T, T), the answers so far.
        truth: (P, T, T).
        image_px: side of the model input.
        share: of the prompts, that are corrected where there is room and something to correct.

    Returns:
        New points and labels.
    """
    points, labels = points.copy(), labels.copy()
    used = (labels != PADDING_LABEL).sum(axis=1)
    for i in np.flatnonzero((used < SLOTS) & (rng.random(len(points)) < share)):
        click = _find_error(rng, masks[i], truth[i])
        if click is not None:
            cell, is_missed = click
            points[i, used[i]] = (np.array(cell) + 0.5) * image_px / truth.shape[-1] - 0.5
            labels[i, used[i]] = POINT_LABEL if is_missed else NEGATIVE_LABEL
    return points, labels


def _find_error(
    rng: np.random.Generator, mask: BoolArray, truth: BoolArray
) -> tuple[tuple[int, int], bool] | None:
    """A cell (x, y) well inside the thickest error, and whether the object is missed there."""
    missed, spilled = (_measure_depth(error) for error in (truth & ~mask, mask & ~truth))
    depth, is_missed = (missed, True) if missed.max() >= spilled.max() else (spilled, False)
    if depth.max() <= _LEAST_DEPTH:
        return None
    rows, columns = np.nonzero(depth >= _MIDDLE * depth.max())
    chosen = int(rng.integers(len(rows)))
    return (int(columns[chosen]), int(rows[chosen])), is_missed


def _measure_depth(region: BoolArray) -> npt.NDArray[np.float64]:
    """Distance of each cell of a region from its edge, 0 elsewhere."""
    if not region.any():
        return np.zeros(region.shape)
    return np.asarray(distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1], np.float64)
