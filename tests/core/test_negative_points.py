"""The rule for negative points on logits made by hand."""

import numpy as np
from numpy.typing import NDArray

from core import MaskPrediction, Prompt
from core.negative_points import exclude_negative_points

SIDE = 8
NO_POINTS: NDArray[np.float64] = np.empty((0, 2))


def prediction(iou: list[float], *areas: slice) -> MaskPrediction:
    """Candidates that cover these columns with logit 4 and are -4 elsewhere."""
    logits = np.full((3, SIDE, SIDE), -4, np.float32)
    for candidate, columns in zip(logits, areas, strict=True):
        candidate[:, columns] = 4
    return MaskPrediction(
        logits, np.array(iou, np.float32), int(np.argmax(iou)), (SIDE, SIDE), NO_POINTS
    )


LEFT_HALF, RIGHT_HALF, ALL = slice(0, 4), slice(4, 8), slice(0, 8)
PROMPT = Prompt(points=[[1, 4], [6, 4]], labels=[1, 0])


def test_without_negative_points_the_answer_is_untouched() -> None:
    answer = prediction([0.9, 0.5, 0.1], ALL, LEFT_HALF, RIGHT_HALF)
    assert exclude_negative_points(answer, Prompt(points=[[1, 4]]), []) is answer


def test_the_best_candidate_that_leaves_the_point_out_is_chosen() -> None:
    answer = prediction([0.9, 0.5, 0.4], ALL, LEFT_HALF, slice(0, 2))
    claim = prediction([0.9, 0.5, 0.4], RIGHT_HALF, RIGHT_HALF, RIGHT_HALF)
    result = exclude_negative_points(answer, PROMPT, [claim])
    assert result.best == 1
    assert result.mask[:, :4].all()
    assert not result.mask[:, 4:].any()


def test_what_the_negative_point_belongs_to_is_taken_away_when_every_candidate_holds_it() -> None:
    answer = prediction([0.9, 0.5, 0.4], ALL, ALL, ALL)
    claim = prediction([0.9, 0.95, 0.4], RIGHT_HALF, ALL, RIGHT_HALF)
    result = exclude_negative_points(answer, PROMPT, [claim])
    assert result.mask[:, :3].all(), "the object stays"
    assert not result.mask[4, 6]


def test_a_claim_on_the_whole_object_takes_away_only_the_clicked_pixel() -> None:
    answer = prediction([0.9, 0.5, 0.4], ALL, ALL, ALL)
    claim = prediction([0.9, 0.5, 0.4], ALL, ALL, ALL)
    result = exclude_negative_points(answer, PROMPT, [claim])
    assert not result.mask[4, 6]
    assert result.mask.sum() == SIDE * SIDE - 1
