"""What a box means to a model that spills: the object fills it and does not leave it.

The published models are answered as published. A small model's mask often leaves the box or fills a
part of it, and an annotator drags a box around the object, close to its edges. So, where the
registry says so:

1. of the candidates, the one with the highest predicted IoU times the IoU of its own enclosing box
   and the prompt's is chosen;
2. the answer is cut to the box.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .mask_prediction import MaskPrediction
from .prompt import Prompt


def bound_by_box(answer: MaskPrediction, prompt: Prompt) -> MaskPrediction:
    """Apply the rule above.

    Args:
        answer: what the model gives for the prompt.
        prompt: without a box the answer stays as it is.

    Returns:
        The answer inside the box, perhaps another of its candidates.
    """
    if prompt.box is None:
        return answer
    height_px, width_px = answer.original_size_hw
    side = answer.low_res_logits.shape[-1]
    box = prompt.box * side / np.array([width_px, height_px] * 2)  # in cells
    fit = np.array([_fit(logits >= 0, box) for logits in answer.low_res_logits])
    best = int((answer.iou.clip(0) * fit).argmax())
    return replace(answer, best=best, box=prompt.box)


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
