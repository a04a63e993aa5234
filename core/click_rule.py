"""What several clicks mean together, to a model that knows six positive points and no others.

The published model has no vector for a point outside, so such a point is never embedded; and its
answer to many points inside may leave some of them out. Instead:

1. of the candidates, the one that agrees with most clicks is chosen;
2. where it still has a click wrong, that click decides for itself: what a prompt of its own claims
   is added to the answer, or taken away from it, as far as it is nearer to the click than to any
   click of the other kind; inside a box, where most is object, a negative click reaches half as
   far, and the box's centre counts as a positive click;
3. the cells around such a click always follow it, and the pixel under any click does.

A single click has nothing to contradict: its answer stays as the model gave it. The measurements
that chose this rule are in ADR 4.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .mask_prediction import MaskPrediction
from .prompt import NEGATIVE, POSITIVE, Prompt

_OWN_CELLS = 1.5
"""A click's own surroundings: the cells no further from it than this."""

_REACH_IN_BOX = 0.5
"""How far a negative click reaches inside a box, of the distance to what is surely object."""


def choose_by_clicks(
    answer: MaskPrediction, prompt: Prompt, preference: NDArray[np.float32]
) -> MaskPrediction:
    """The candidate that agrees with most clicks.

    Args:
        answer: what the model gives for box and positive points.
        prompt: the whole prompt.
        preference: (3,), decides between candidates that agree with as many.
    """
    agreed = (_hold_clicks(answer.low_res_logits, answer, prompt) == _is_positive(prompt)).sum(1)
    best = int(np.where(agreed == agreed.max(), preference, -np.inf).argmax())
    return replace(answer, best=best, obeyed=None if _is_single_click(prompt) else prompt)


def find_wrong_clicks(answer: MaskPrediction, prompt: Prompt) -> NDArray[np.int64]:
    """(W,) indices of the clicks that the answer has on the wrong side; none for a single click."""
    if _is_single_click(prompt):
        return np.empty(0, np.int64)
    is_held = _hold_clicks(answer.low_res_logits[answer.best], answer, prompt)
    return np.flatnonzero(is_held != _is_positive(prompt))


def make_own_prompt(prompt: Prompt, click: int) -> Prompt:
    """What a click asks for by itself: its own place without those of the other kind."""
    others = prompt.points[prompt.labels != prompt.labels[click]]
    points = np.concatenate([prompt.points[[click]], others])
    return Prompt(points=points, labels=[POSITIVE] + [NEGATIVE] * len(others))


def apply_claims(
    answer: MaskPrediction,
    prompt: Prompt,
    wrong: NDArray[np.int64],
    claims: Sequence[MaskPrediction],
) -> MaskPrediction:
    """Let each click that the answer has wrong decide for itself.

    Args:
        answer: of ``choose_by_clicks``.
        prompt: the whole prompt.
        wrong: of ``find_wrong_clicks``.
        claims: for each of them, the answer to its own prompt.

    Returns:
        The corrected answer.
    """
    if not claims:
        return answer
    is_positive = _is_positive(prompt)
    distance = _distance_in_cells(answer, prompt.points)
    corrected = answer.low_res_logits.copy()
    logits = corrected[answer.best]
    for i, claim in zip(wrong, claims, strict=True):
        others = distance[is_positive != is_positive[i]].min(axis=0, initial=np.inf)
        claimed = claim.low_res_logits[claim.best]
        is_own = (distance[i] <= _OWN_CELLS) & (distance[i] < others)
        is_claimed = (claimed >= 0) & (distance[i] < others)
        if prompt.box is not None and not is_positive[i]:
            centre = _distance_in_cells(answer, prompt.box.reshape(2, 2).mean(axis=0)[None])[0]
            is_claimed &= distance[i] < _REACH_IN_BOX * np.minimum(others, centre)
        # As strong as what it replaces: the resize to the original frame must not undo it.
        strength = np.where(is_own, np.abs(logits) + np.abs(claimed), np.abs(claimed))
        is_decided = is_claimed | is_own
        logits[is_decided] = (strength if is_positive[i] else -strength)[is_decided]
    return replace(answer, low_res_logits=corrected)


def _is_single_click(prompt: Prompt) -> bool:
    return prompt.box is None and len(prompt.points) == 1


def _is_positive(prompt: Prompt) -> NDArray[np.bool_]:
    return prompt.labels == POSITIVE


def _hold_clicks(
    logits: NDArray[np.float32], answer: MaskPrediction, prompt: Prompt
) -> NDArray[np.bool_]:
    """(..., L, L) logits → (..., N): whether the cell under each click belongs to the mask."""
    x, y = answer.find_cells(prompt.points).T
    return np.asarray(logits[..., y, x] >= 0)


def _distance_in_cells(answer: MaskPrediction, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, L, L) distance of each cell from the cell under each of (N, 2) points."""
    axis = np.arange(answer.low_res_logits.shape[-1])
    x, y = answer.find_cells(points).T[..., None]
    return np.asarray(np.hypot((axis - x)[:, None, :], (axis - y)[:, :, None]))
