"""What a negative point means to a model that was never trained with one.

The published model has no vector for a point outside, so such a point is never embedded. Instead:

1. when the answer holds the point, choose the candidate with the highest predicted IoU among those
   that leave it out;
2. take away what a prompt at the negative point claims more strongly than the answer does, as
   long as that claim leaves the positive points alone;
3. the clicked pixel itself is always out.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .mask_prediction import MaskPrediction
from .prompt import Prompt


def exclude_negative_points(
    answer: MaskPrediction, prompt: Prompt, claims: Sequence[MaskPrediction]
) -> MaskPrediction:
    """Apply the rule above.

    Args:
        answer: what box and positive points alone give.
        prompt: the whole prompt.
        claims: for each negative point, what a positive click there would give.

    Returns:
        The answer without what the negative points exclude.
    """
    if not claims:
        return answer
    logits, size_hw = answer.low_res_logits.copy(), answer.original_size_hw
    negative = _sample(logits, prompt.negative_points, size_hw)  # (3, M)
    is_left_out = np.asarray((negative < 0).all(axis=1))
    best = answer.best
    if is_left_out.any() and not is_left_out[best]:
        best = int(np.where(is_left_out, answer.iou, -np.inf).argmax())
    for i, claim in enumerate(claims):
        if negative[best, i] >= 0:
            claimed = _claim_that_spares(claim, prompt.positive_points)
            logits[best] -= np.maximum(claimed, 0)
    return replace(answer, low_res_logits=logits, best=best, negative_points=prompt.negative_points)


def _claim_that_spares(
    claim: MaskPrediction, positive_points: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(L, L) logits of the best candidate that holds no positive point; all out when none does."""
    positive = _sample(claim.low_res_logits, positive_points, claim.original_size_hw)
    spares = (positive < 0).all(axis=1)
    if not spares.any():
        return np.full_like(claim.low_res_logits[0], -np.inf)
    return claim.low_res_logits[int(np.where(spares, claim.iou, -np.inf).argmax())]


def _sample(
    logits: NDArray[np.float32], points: NDArray[np.float64], size_hw: tuple[int, int]
) -> NDArray[np.float32]:
    """(3, M) logits under (M, 2) original pixels (x, y)."""
    side = logits.shape[-1]
    scale = side / np.array([size_hw[1], size_hw[0]])
    x, y = np.clip((points * scale).astype(np.int64), 0, side - 1).reshape(-1, 2).T
    return logits[:, y, x]
