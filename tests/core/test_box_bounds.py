"""The rule for boxes on logits made by hand."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core import MaskPrediction, Prompt, load_predictor
from core.box_bounds import bound_by_box, fit_to_box

SIDE = 16
SIZE_HW = (160, 320)


def prediction(iou: list[float], *boxes: tuple[int, int, int, int]) -> MaskPrediction:
    """Candidates that fill these boxes, (x0, y0, x1, y1) in low-resolution cells."""
    logits = np.full((3, SIDE, SIDE), -4, np.float32)
    for candidate, (x0, y0, x1, y1) in zip(logits, boxes, strict=True):
        candidate[y0:y1, x0:x1] = 4
    scores = np.array(iou, np.float32)
    return MaskPrediction(logits, scores, int(scores.argmax()), SIZE_HW)


WHOLE, LEFT, SPECK = (2, 2, 10, 10), (2, 2, 6, 10), (3, 3, 4, 4)
BOX = [40, 20, 200, 100]  # what WHOLE is in original pixels


def test_without_a_box_the_answer_is_untouched() -> None:
    answer = prediction([0.9, 0.5, 0.1], WHOLE, LEFT, SPECK)
    assert bound_by_box(answer, Prompt(points=[[50, 50]])) is answer


def test_a_candidate_that_fills_the_box_fits_better_than_a_part() -> None:
    answer = prediction([0.6, 0.7, 0.65], WHOLE, LEFT, SPECK)
    np.testing.assert_allclose(fit_to_box(answer, np.array(BOX, float)), [1, 0.5, 1 / 64])


def test_a_point_beside_the_box_widens_it() -> None:
    answer = prediction([0.9, 0.1, 0.1], (0, 0, SIDE, SIDE), SPECK, SPECK)
    mask = bound_by_box(answer, Prompt(points=[[300, 50]], box=BOX)).mask
    assert mask[50, 300]
    assert not mask[:, 302:].any()
    assert not mask[101:].any()


def test_a_spill_is_cut_at_the_box() -> None:
    answer = prediction([0.9, 0.1, 0.1], (0, 0, SIDE, SIDE), SPECK, SPECK)
    mask = bound_by_box(answer, Prompt(box=BOX)).mask
    assert mask[20:100, 40:200].all()
    assert mask.sum() == 80 * 160


@given(
    x=st.tuples(st.floats(0, 320), st.floats(0, 320)).filter(lambda t: t[0] != t[1]),
    y=st.tuples(st.floats(0, 160), st.floats(0, 160)).filter(lambda t: t[0] != t[1]),
)
def test_no_pixel_lies_outside_any_box(x: tuple[float, float], y: tuple[float, float]) -> None:
    answer = prediction([0.9, 0.8, 0.7], (0, 0, SIDE, SIDE), LEFT, SPECK)
    rows, columns = np.nonzero(bound_by_box(answer, Prompt(box=[x[0], y[0], x[1], y[1]])).mask)
    assert ((columns + 1 > min(x)) & (columns < max(x))).all()
    assert ((rows + 1 > min(y)) & (rows < max(y))).all()


def test_only_models_whose_row_says_so_are_bounded(
    nano_weights: Path, photo_like: NDArray[np.uint8]
) -> None:
    predictor = load_predictor("nano", nano_weights)
    assert predictor.spec.is_bounded_by_box
    prompt = Prompt(points=[[80, 60]], box=[60, 40, 100, 80])
    mask = predictor.decode(predictor.encode(photo_like), prompt).mask
    assert not mask[:40].any()
    assert not mask[:, 100:].any()
