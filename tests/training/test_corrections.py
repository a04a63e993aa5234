"""Clicks that correct the model's own answers."""

import numpy as np
import numpy.typing as npt
import pytest

from training.corrections import correct_prompts
from training.prompts import (
    NEGATIVE_LABEL,
    PADDING_LABEL,
    POINT_LABEL,
    SLOTS,
    BoolArray,
    FloatArray,
)

SIDE, IMAGE_PX = 32, 64


def _correct(
    mask: BoolArray, truth: BoolArray, used: int = 1, seed: int = 0
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    points = np.full((1, SLOTS, 2), -1, np.float32)
    labels = np.full((1, SLOTS), PADDING_LABEL, np.int64)
    points[0, :used], labels[0, :used] = 20, POINT_LABEL
    new_points, new_labels = correct_prompts(
        np.random.default_rng(seed), points, labels, mask[None], truth[None], IMAGE_PX, share=1
    )
    assert (points[0, used:] == -1).all(), "the caller's own arrays are left as they are"
    return new_points[0], new_labels[0]


def _square(left: int, top: int, side: int) -> BoolArray:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


@pytest.mark.parametrize("seed", range(10))
def test_what_is_missed_gets_a_click_inside_it(seed: int) -> None:
    truth = _square(4, 4, 8) | _square(20, 20, 8)
    points, labels = _correct(_square(4, 4, 8), truth, seed=seed)
    assert labels[1] == POINT_LABEL
    x, y = points[1]
    # Two pixels a cell: the square at cell 20 begins at pixel 40.
    assert 42 <= x <= 54
    assert 42 <= y <= 54


def test_what_is_too_much_gets_a_click_outside_the_object() -> None:
    points, labels = _correct(_square(4, 4, 8) | _square(20, 20, 8), _square(4, 4, 8))
    assert labels[1] == NEGATIVE_LABEL
    assert points[1].min() > 40


def test_an_answer_that_is_right_gets_no_click() -> None:
    _, labels = _correct(_square(4, 4, 8), _square(4, 4, 8))
    assert labels.tolist() == [POINT_LABEL] + [PADDING_LABEL] * 5


def test_a_prompt_without_room_stays_as_it_is() -> None:
    points, labels = _correct(_square(4, 4, 8), _square(20, 20, 8), used=SLOTS)
    assert (labels == POINT_LABEL).all()
    assert (points == 20).all()


def test_a_share_of_none_corrects_nothing() -> None:
    points, labels = np.zeros((4, SLOTS, 2), np.float32), np.full((4, SLOTS), PADDING_LABEL)
    masks, truth = np.stack([_square(4, 4, 8)] * 4), np.stack([_square(20, 20, 8)] * 4)
    rng = np.random.default_rng(0)
    _, kept = correct_prompts(rng, points, labels, masks, truth, IMAGE_PX, share=0)
    assert (kept == PADDING_LABEL).all()
