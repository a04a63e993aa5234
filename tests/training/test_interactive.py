"""The simulated annotator, on masks made by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core import Prompt, load_predictor
from training.evaluation import mask_iou
from training.examples import held_out_scenes
from training.interactive import click_examples, click_object, next_click, summarise

SIZE_HW = (40, 60)


def rectangle(x0: int, y0: int, x1: int, y1: int) -> NDArray[np.bool_]:
    mask = np.zeros(SIZE_HW, bool)
    mask[y0:y1, x0:x1] = True
    return mask


NOTHING, TRUTH = rectangle(0, 0, 0, 0), rectangle(10, 10, 31, 31)


def test_the_first_click_is_in_the_middle() -> None:
    assert next_click(NOTHING, TRUTH, NOTHING) == ((20, 20), True)


def test_a_larger_spill_is_clicked_negative() -> None:
    mask = rectangle(10, 10, 56, 31)
    found = next_click(mask, TRUTH, NOTHING)
    assert found is not None
    (x, y), is_positive = found
    assert not is_positive
    assert mask[y, x]
    assert not TRUTH[y, x]


def test_a_larger_gap_is_clicked_positive() -> None:
    found = next_click(rectangle(22, 10, 34, 31), TRUTH, NOTHING)
    assert found is not None
    (x, y), is_positive = found
    assert is_positive
    assert TRUTH[y, x]
    assert x < 22


def test_nothing_wrong_needs_no_click() -> None:
    assert next_click(TRUTH, TRUTH, NOTHING) is None


def test_a_pixel_is_not_clicked_twice() -> None:
    trace = click_object(lambda _: rectangle(0, 0, 1, 1), rectangle(5, 5, 7, 6), clicks=10)
    assert len(trace.is_positive) == 3  # both pixels of the object, and the speck
    assert trace.is_positive.count(False) == 1


def test_an_answer_that_obeys_ends_early_and_counts() -> None:
    def answer(prompt: Prompt) -> NDArray[np.bool_]:
        return TRUTH if len(prompt.negative_points) else rectangle(10, 10, 56, 31)

    trace = click_object(answer, TRUTH)
    assert trace.is_positive == (True, False)
    assert trace.ious[0] == 0.0
    assert trace.ious[2] == 1.0
    assert trace.positives_kept == (1.0, 1.0)
    assert trace.negatives_kept == (1.0, 1.0)
    report = summarise([trace])
    assert report.mean_ious[2:] == (1.0,) * 9
    assert report.mean_clicks == (2.0, 2.0)
    assert report.negative_gain == pytest.approx(1 - trace.ious[1])


def test_an_object_that_never_gets_there_counts_with_all_its_clicks() -> None:
    report = summarise([click_object(lambda _: rectangle(10, 10, 20, 31), TRUTH)])
    assert report.mean_clicks == (10.0, 10.0)
    assert report.negative_gain is None


def test_the_shipped_model_keeps_negative_points_out() -> None:
    predictor = load_predictor("nano")
    reports = click_examples(
        predictor,
        held_out_scenes(4),
        {"shipped": lambda embedding, prompt: predictor.decode(embedding, prompt).mask},
        clicks=4,
    )
    report = reports["shipped"]
    assert report.negative_clicks > 0
    assert report.negatives_kept == 1.0
    assert report.mean_ious[1] < report.mean_ious[2] < report.mean_ious[4]
    assert report.negative_gain is not None
    assert report.negative_gain > 0


def test_without_an_object_there_is_nothing_to_sum_up() -> None:
    with pytest.raises(ValueError, match="no object in these pictures"):
        summarise([])


def test_a_box_comes_before_the_first_click_and_stays_in_every_prompt() -> None:
    prompts: list[Prompt] = []

    def answer(prompt: Prompt) -> NDArray[np.bool_]:
        prompts.append(prompt)
        return TRUTH if len(prompt.negative_points) else rectangle(10, 10, 56, 31)

    trace = click_object(answer, TRUTH, starts_with_box=True)
    assert trace.is_positive == (False,)
    assert trace.ious == (mask_iou(rectangle(10, 10, 56, 31), TRUTH), 1.0)
    assert [p.box.tolist() for p in prompts if p.box is not None] == [[10, 10, 31, 31]] * 2
    assert summarise([trace]).mean_ious[0] == trace.ious[0]
