"""When a decoder counts as better, and what is measured for it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from core import ImageEmbedding, MaskPrediction, Predictor, Prompt
from tests.core.small_models import make_small_predictor
from training.accepted_objects import AcceptedObject
from training.comparison import PROMPTS, as_comparison_table, judge, measure

from .made_objects import make_discs

FLAT = (0.5,) * len(PROMPTS)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return make_small_predictor()


@pytest.fixture(scope="module")
def objects(predictor: Predictor) -> list[AcceptedObject]:
    return make_discs(predictor, 10)[0]


def shift(*amounts: float) -> list[tuple[float, ...]]:
    """IoUs of objects that changed by these amounts."""
    return [tuple(iou + amount for iou in FLAT) for amount in amounts]


def test_a_rise_of_every_object_is_better(objects: list[AcceptedObject]) -> None:
    comparison = judge(objects, [FLAT] * 20, shift(*[0.02] * 20))
    assert comparison.is_better
    assert (comparison.objects, comparison.images) == (20, 10)
    assert [row.prompt for row in comparison.rows] == list(PROMPTS)
    assert all(row.gain == pytest.approx(0.02) for row in comparison.rows)


@pytest.mark.parametrize(
    "amounts",
    [[0.0] * 20, [-0.1] * 20, [0.004] * 20, [0.5, *[-0.02] * 19]],
    ids=["the same", "worse", "hardly better", "one object alone"],
)
def test_what_may_be_chance_is_not_better(
    objects: list[AcceptedObject], amounts: list[float]
) -> None:
    comparison = judge(objects, [FLAT] * 20, shift(*amounts))
    assert not comparison.is_better
    assert "mean IoU changes by" in comparison.reason


def test_a_kind_of_prompt_that_gets_worse_forbids_it(objects: list[AcceptedObject]) -> None:
    after = [(0.48, *(iou + 0.2 for iou in FLAT[1:]))] * 20
    comparison = judge(objects, [FLAT] * 20, after)
    assert not comparison.is_better
    assert "'box' falls by 0.020" in comparison.reason


def test_a_kind_of_prompt_that_falls_by_chance_does_not_forbid_it(
    objects: list[AcceptedObject],
) -> None:
    rest = [iou + 0.2 for iou in FLAT[1:]]
    after = [(0.5 + amount, *rest) for amount in [0.1, -0.14] * 10]
    comparison = judge(objects, [FLAT] * 20, after)
    assert comparison.rows[0].gain == pytest.approx(-0.02)
    assert comparison.is_better


def test_answers_are_measured_as_the_product_gives_them(predictor: Predictor) -> None:
    objects, embed = make_discs(predictor, 1, objects=1)
    truth = objects[0].closest.mask
    asked: list[Prompt] = []

    class Knowing(Predictor):
        def decode(self, embedding: ImageEmbedding, prompt: Prompt) -> MaskPrediction:  # type: ignore[override]
            asked.append(prompt)
            assert embedding.original_size_hw == truth.shape
            return _answer(truth if prompt.box is None else ~truth)

    knowing = Knowing.__new__(Knowing)
    ious = measure(knowing, objects[0], embed(objects[0].closest.view))
    assert ious == (0.0, 1.0, 1.0, 1.0, 1.0)
    assert [prompt.box is None for prompt in asked] == [False, True], "right after one click"


def test_a_comparison_is_laid_out_by_click_number(objects: list[AcceptedObject]) -> None:
    console = Console(width=100, record=True)
    rows = judge(objects, [FLAT] * 20, shift(*[0.1] * 20)).rows
    console.print(as_comparison_table("cells", rows))
    lines = [line.replace("│", " ").split() for line in console.export_text().splitlines()]
    assert ["1", "click", "0.500", "0.600", "+0.100"] in lines


def _answer(mask: NDArray[np.bool_]) -> MaskPrediction:
    logits = np.where(mask, 5, -5).astype(np.float32)
    return MaskPrediction(
        np.stack([logits] * 3), np.ones(3, np.float32), 0, (mask.shape[0], mask.shape[1])
    )
