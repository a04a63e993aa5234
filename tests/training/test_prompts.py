"""Prompts drawn from the truth: inside the object, around the object, six slots."""

import numpy as np
import numpy.typing as npt
import pytest

from training.prompts import (
    AnnotatorPrompt,
    PromptKind,
    bounding_box,
    draw_box,
    draw_clicks,
    draw_prompt,
    draw_training_prompt,
    pack,
)


@pytest.fixture
def ring_mask() -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[:90, :120]
    radius = np.hypot(x - 60, y - 40)
    return np.asarray((radius < 30) & (radius > 20))


def test_every_click_lies_inside_the_object(ring_mask: npt.NDArray[np.bool_]) -> None:
    for seed in range(50):
        clicks = draw_clicks(np.random.default_rng(seed), ring_mask, 3).astype(int)
        assert ring_mask[clicks[:, 1], clicks[:, 0]].all()


def test_further_clicks_go_where_the_first_was_not(ring_mask: npt.NDArray[np.bool_]) -> None:
    apart = []
    for seed in range(50):
        clicks = draw_clicks(np.random.default_rng(seed), ring_mask, 2)
        apart.append(np.linalg.norm(clicks[1] - clicks[0]))
    assert np.median(apart) > 25


def test_a_drawn_box_is_close_to_the_true_one(ring_mask: npt.NDArray[np.bool_]) -> None:
    truth = np.array(bounding_box(ring_mask))
    boxes = np.array([draw_box(np.random.default_rng(s), ring_mask) for s in range(50)])
    assert np.abs(boxes - truth).max() <= 0.15 * 60
    assert np.abs(boxes.mean(axis=0) - truth).max() < 2
    assert boxes.std(axis=0).min() > 0.3


def test_a_one_pixel_object_still_gets_a_box_with_an_area() -> None:
    mask = np.zeros((20, 20), np.bool_)
    mask[19, 0] = True
    for seed in range(100):
        x0, y0, x1, y1 = draw_box(np.random.default_rng(seed), mask)
        assert 0 <= x0 < x1 <= 20
        assert 0 <= y0 < y1 <= 20


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        bounding_box(np.zeros((4, 4), np.bool_))


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (PromptKind.BOX, [2, 3, -1, -1, -1, -1]),
        (PromptKind.ONE_CLICK, [1, -1, -1, -1, -1, -1]),
        (PromptKind.THREE_CLICKS, [1, 1, 1, -1, -1, -1]),
        (PromptKind.BOX_AND_CLICK, [1, 2, 3, -1, -1, -1]),
    ],
)
def test_each_kind_fills_its_slots(
    kind: PromptKind, wanted: list[int], ring_mask: npt.NDArray[np.bool_]
) -> None:
    points, labels = pack(draw_prompt(np.random.default_rng(0), ring_mask, kind))
    assert labels.tolist() == wanted
    assert (points[labels == -1] == -1).all()
    assert (points[labels != -1] >= 0).all()


def test_more_than_six_slots_are_refused_rather_than_dropped() -> None:
    prompt = AnnotatorPrompt(np.ones((5, 2), np.float32), np.array([0, 0, 9, 9], np.float32))
    with pytest.raises(ValueError, match="this one needs 7"):
        pack(prompt)


def test_training_sees_every_kind_of_prompt(ring_mask: npt.NDArray[np.bool_]) -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(80):
        prompt = draw_training_prompt(rng, ring_mask)
        seen.add((len(prompt.points), prompt.box_xyxy_px is not None))
    assert {(0, True), (1, False), (2, False), (3, False), (1, True)} <= seen
