"""What a box means to a model that spills: the object fills it and does not leave it.

The published models are answered as published. A small model's mask often leaves the box or fills a
part of it, and an annotator drags a box around the object, close to its edges. So, where the
registry says so:

1. of the candidates, the one with the highest predicted IoU times the IoU of its own enclosing box
   and the prompt's is preferred (clicks come first: ``click_rule``);
2. the answer is cut to the box, grown where a positive point lies beside it.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .mask_prediction import MaskPrediction
from .prompt import Prompt


def fit_to_box(answer: MaskPrediction, box: NDArray[np.float64]) -> NDArray[np.float32]:
    """(3,) IoU of the box and the box around what each candidate has inside it.

    Args:
        answer: what the model gives.
        box: (4,) original pixels (x0, y0, x1, y1).
    """
    height_px, width_px = answer.original_size_hw
    side = answer.low_res_logits.shape[-1]
    cells = box * side / np.array([width_px, height_px] * 2)
    return np.array([_fit(logits >= 0, cells) for logits in answer.low_res_logits], np.float32)


def bound_by_box(answer: MaskPrediction, prompt: Prompt) -> MaskPrediction:
    """The answer cut to the prompt's box, grown to hold the positive points beside it."""
    if prompt.box is None:
        return answer
    low, high = prompt.box[:2], prompt.box[2:]
    # The pixel that is clicked reaches half a pixel further than the click.
    low = np.minimum(low, (prompt.positive_points - 1).min(axis=0, initial=np.inf))
    high = np.maximum(high, (prompt.positive_points + 1).max(axis=0, initial=-np.inf))
    return replace(answer, box=np.concatenate([low, high]))


def _fit(mask: NDArray[np.bool_], box: NDArray[np.float64]) -> float:
    """IoU of a box, in cells, and the box around what the (L, L) mask has inside it."""
    first = np.floor(box[:2]).astype(int).clip(0)
    last = np.ceil(box[2:]).astype(int)
    rows, columns = np.nonzero(mask[first[1] : last[1], first[0] : last[0]])
    if not len(rows):
        return 0.0
    low = np.maximum(first + np.array([columns.min(), rows.min()]), box[:2])
    high = np.minimum(first + np.array([columns.max(), rows.max()]) + 1, box[2:])
    size = box[2:] - box[:2]
    # What is enclosed lies inside the box: their IoU is a ratio of areas.
    return float(np.prod((high - low) / size)) if size.all() else 0.0
