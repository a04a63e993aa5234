"""Answers without specks, pinholes, and parts that nobody clicked on."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .mask_cleaning_config import MaskCleaning
from .mask_parts import clean_parts, firm_up, keep_parts_at
from .mask_prediction import MaskPrediction
from .prompt import Prompt


def clean_answer(answer: MaskPrediction, prompt: Prompt, cleaning: MaskCleaning) -> MaskPrediction:
    """Clean the chosen candidate; what a click made stays, however small.

    Args:
        answer: to the prompt.
        prompt: whose clicks are obeyed.
        cleaning: what goes.
    """
    candidates = answer.low_res_logits.copy()
    logits = _keep_inside_box(candidates[answer.best], answer)
    if cleaning.has_clicked_parts_only and prompt.box is None:
        logits = keep_parts_at(logits, answer.find_cells(prompt.positive_points))
    if cleaning.min_part_share:
        min_cells = cleaning.min_part_share * np.count_nonzero(logits >= 0)
        clean = clean_parts(logits, min_cells, answer.find_cells(prompt.points))
        # A mask of nothing but specks is still an answer, and a doubtful one is seen to be so.
        logits = firm_up(clean if (clean >= 0).any() else logits)
    candidates[answer.best] = logits
    return replace(answer, low_res_logits=candidates)


def _keep_inside_box(logits: NDArray[np.float32], answer: MaskPrediction) -> NDArray[np.float32]:
    """What is cut off at the box anyway must not count as a part of the mask."""
    if answer.box is None:
        return logits
    (x0, y0), (x1, y1) = answer.find_cells(answer.box.reshape(2, 2))
    inside = np.zeros(logits.shape, np.bool_)
    inside[y0 : y1 + 1, x0 : x1 + 1] = True
    return np.where(inside, logits, -np.abs(logits) - np.float32(1e-3))
