"""Specks, pinholes and parts that nobody clicked, on logits made by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core import EfficientSAMError, MaskCleaning, MaskPrediction, Prompt, load_predictor
from core.mask_cleaning import clean_answer

SIDE = 32
MILD = MaskCleaning(min_part_share=0.05)
CLICKED_ONLY = MaskCleaning(has_clicked_parts_only=True)


@pytest.fixture
def answer() -> MaskPrediction:
    """Two squares, a speck beside them and a pinhole in the first; other candidates alike."""
    logits = np.full((SIDE, SIDE), -3, np.float32)
    logits[4:14, 4:14] = 3
    logits[20:28, 20:28] = 3
    logits[2, 30] = 3
    logits[8, 8] = -3
    return MaskPrediction(
        np.stack([logits] * 3), np.array([0.1, 0.9, 0.2], np.float32), 1, (SIDE, SIDE)
    )


def cells(answer: MaskPrediction) -> NDArray[np.bool_]:
    return answer.low_res_logits[answer.best] >= 0


def test_specks_and_pinholes_go_and_the_rest_stays(answer: MaskPrediction) -> None:
    clean = cells(clean_answer(answer, Prompt(box=[0, 0, 32, 32]), MILD))
    assert clean[8, 8]
    assert not clean[2, 30]
    assert (clean != cells(answer)).sum() == 2


def test_only_the_chosen_candidate_is_cleaned(answer: MaskPrediction) -> None:
    clean = clean_answer(answer, Prompt(points=[[5, 5]]), MILD)
    np.testing.assert_array_equal(clean.low_res_logits[[0, 2]], answer.low_res_logits[[0, 2]])
    assert (answer.low_res_logits[1] < 0)[8, 8], "and not in place"


def test_a_hole_that_was_clicked_negative_and_a_speck_that_was_clicked_stay(
    answer: MaskPrediction,
) -> None:
    prompt = Prompt(points=[[8.5, 8.5], [30.5, 2.5]], labels=[0, 1])
    np.testing.assert_array_equal(cells(clean_answer(answer, prompt, MILD)), cells(answer))


def test_only_the_parts_that_were_clicked_stay(answer: MaskPrediction) -> None:
    one = cells(clean_answer(answer, Prompt(points=[[22, 22]]), CLICKED_ONLY))
    assert one.sum() == 64
    both = cells(clean_answer(answer, Prompt(points=[[22, 22], [5, 5]]), CLICKED_ONLY))
    assert both.sum() == 64 + 99


def test_parts_beside_the_click_stay_when_none_was_hit_or_a_box_was_drawn(
    answer: MaskPrediction,
) -> None:
    beside = Prompt(points=[[16, 16]])
    np.testing.assert_array_equal(cells(clean_answer(answer, beside, CLICKED_ONLY)), cells(answer))
    boxed = Prompt(points=[[22, 22]], box=[0, 0, 32, 32])
    np.testing.assert_array_equal(cells(clean_answer(answer, boxed, CLICKED_ONLY)), cells(answer))


def test_weak_cells_among_strong_ones_make_no_pinholes_in_the_frame() -> None:
    logits = np.full((SIDE, SIDE), -3, np.float32)
    logits[4:28, 4:28] = 10 ** np.random.default_rng(0).uniform(-2, 1, (24, 24))
    candidates = np.stack([logits] * 3)
    raw = MaskPrediction(candidates, np.array([0.1, 0.9, 0.2], np.float32), 1, (500, 500))
    inside = slice(80, 420), slice(80, 420)
    assert not raw.mask[inside].all(), "bicubic overshoots beside weak cells"
    clean = clean_answer(raw, Prompt(box=[0, 0, 500, 500]), MILD)
    assert clean.mask[inside].all()
    np.testing.assert_array_equal(cells(clean), cells(raw))


def test_a_mask_of_nothing_but_specks_stays(answer: MaskPrediction) -> None:
    checked = np.where(np.indices((SIDE, SIDE)).sum(axis=0) % 2, 1, -1).astype(np.float32)
    specks = replace(answer, low_res_logits=np.stack([checked] * 3))
    np.testing.assert_array_equal(
        cells(clean_answer(specks, Prompt(box=[0, 0, 32, 32]), MILD)), checked >= 0
    )


def test_what_is_cut_off_at_the_box_does_not_make_the_rest_a_speck(
    answer: MaskPrediction,
) -> None:
    logits = answer.low_res_logits.copy()
    logits[1] = 3
    logits[1, 8:12, 8:12] = 3
    logits[1, 6:14, 6:14][[0, -1]] = -3
    logits[1, 6:14, 6:14][:, [0, -1]] = -3
    spilt = replace(answer, low_res_logits=logits, box=np.array([6.0, 6.0, 14.0, 14.0]))
    clean = clean_answer(spilt, Prompt(box=[6, 6, 14, 14]), MILD)
    assert clean.mask[8:12, 8:12].all()
    assert not clean.mask[:6].any()


def test_an_empty_mask_stays_empty(answer: MaskPrediction) -> None:
    empty = replace(answer, low_res_logits=np.full_like(answer.low_res_logits, -1))
    cleaning = MaskCleaning(0.05, has_clicked_parts_only=True)
    assert not cells(clean_answer(empty, Prompt(points=[[5, 5]]), cleaning)).any()


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(EfficientSAMError, match=r"from 0 to below 1, got 1\.5"):
        MaskCleaning(min_part_share=1.5)


def test_each_model_has_its_own_and_it_can_be_changed(
    nano_weights: Path, photo_like: NDArray[np.uint8]
) -> None:
    predictor = load_predictor("nano", nano_weights)
    assert predictor.cleaning == MaskCleaning(0.05, has_clicked_parts_only=True)
    embedding, prompt = predictor.encode(photo_like), Prompt(box=[10, 10, 150, 110])
    clean = predictor.decode(embedding, prompt).low_res_logits
    predictor.cleaning = MaskCleaning()
    raw = predictor.decode(embedding, prompt).low_res_logits
    assert (clean >= 0).sum() != (raw >= 0).sum()
