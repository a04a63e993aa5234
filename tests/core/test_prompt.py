import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import Prompt, PromptError

SIZE_HW = (300, 400)
MODEL_SIZE = 1024


def test_points_without_labels_are_positive() -> None:
    assert Prompt(points=[[1, 2], [3, 4]]).labels.tolist() == [1, 1]


def test_a_box_dragged_from_the_bottom_right_is_the_same_box() -> None:
    box = Prompt(box=[80, 60, 10, 20]).box
    assert box is not None
    assert box.tolist() == [10, 20, 80, 60]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing to segment"),
        ({"points": [[1, 1]], "labels": [0]}, "negative point alone"),
        ({"points": [[1, 1]], "labels": [2]}, "labels must be one 1"),
        ({"points": [[1, 1]], "labels": [1, 1]}, "each of the 1 points"),
        ({"points": [[1, float("nan")]]}, "finite"),
        ({"points": [1, 2, 3]}, "pairs"),
        ({"box": [1, 2, 3]}, "four finite numbers"),
        ({"box": [1, 2, 1, 9]}, "no area"),
    ],
)
def test_a_malformed_prompt_says_what_is_wrong(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(PromptError, match=message):
        Prompt(**arguments)  # type: ignore[arg-type]


def test_a_point_outside_is_named_with_the_size_of_the_image() -> None:
    with pytest.raises(PromptError, match=r"\(401, 5\) lies outside the image of 400×300"):
        Prompt(points=[[401, 5]]).check_inside(SIZE_HW)


def test_a_point_on_the_far_edge_is_inside() -> None:
    Prompt(points=[[400, 300]], box=[0, 0, 400, 300]).check_inside(SIZE_HW)


def test_a_box_beside_the_image_is_refused() -> None:
    with pytest.raises(PromptError, match="lies outside"):
        Prompt(box=[500, 10, 600, 20]).check_inside(SIZE_HW)


def test_a_box_takes_two_slots_and_unused_slots_are_padding() -> None:
    xy, labels = Prompt(points=[[200, 150]], box=[100, 75, 300, 225]).to_slots(SIZE_HW, MODEL_SIZE)
    assert labels.tolist() == [[2, 3, 1, -1, -1, -1]]
    assert xy[0].tolist() == [[256, 256], [768, 768], [512, 512], [-1, -1], [-1, -1], [-1, -1]]


def test_negative_points_are_read_only_by_a_model_that_knows_them() -> None:
    prompt = Prompt(points=[[10, 10], [20, 20], [30, 30]], labels=[0, 1, 0])
    size_hw = (MODEL_SIZE, MODEL_SIZE)
    xy, labels = prompt.to_slots(size_hw, MODEL_SIZE)
    assert labels.tolist() == [[1, -1, -1, -1, -1, -1]]
    xy, labels = prompt.to_slots(size_hw, MODEL_SIZE, has_negative_points=True)
    assert labels.tolist() == [[1, 0, 0, -1, -1, -1]]
    assert xy[0, :3].tolist() == [[20, 20], [10, 10], [30, 30]]


def test_negative_points_beside_a_box_are_not_read() -> None:
    prompt = Prompt(points=[[10, 10], [20, 20]], labels=[0, 1], box=[5, 5, 40, 40])
    _, labels = prompt.to_slots((MODEL_SIZE, MODEL_SIZE), MODEL_SIZE, has_negative_points=True)
    assert labels.tolist() == [[2, 3, 1, -1, -1, -1]]


def test_each_pass_of_many_negative_points_sees_the_first_positive_one() -> None:
    prompt = Prompt(points=[[i, i] for i in range(12)], labels=[0] * 6 + [1] * 6)
    xy, labels = prompt.to_slots((MODEL_SIZE, MODEL_SIZE), MODEL_SIZE, has_negative_points=True)
    assert xy[:, 0].tolist() == [[6, 6]] * 3
    assert (labels[:, 0] == 1).all()
    assert (labels == 0).sum() == 6
    assert (labels == 1).sum() == 5 + 3


@given(
    count=st.integers(1, 40),
    has_box=st.booleans(),
    negatives=st.integers(0, 5),
)
def test_every_positive_point_is_in_some_pass_and_each_pass_sees_the_anchor(
    count: int, has_box: bool, negatives: int
) -> None:
    points = [[float(i), float(2 * i)] for i in range(count + negatives)]
    box = [0.0, 0.0, 400.0, 300.0] if has_box else None
    prompt = Prompt(points, [1] * count + [0] * negatives, box)
    xy, labels = prompt.to_slots((MODEL_SIZE, MODEL_SIZE), MODEL_SIZE)
    seen = {tuple(p) for p in xy[labels == 1].tolist()}
    assert seen == {tuple(p) for p in points[:count]}
    for row_xy, row_labels in zip(xy, labels, strict=True):
        if has_box:
            assert row_labels[:2].tolist() == [2, 3]
        else:
            assert row_xy[0].tolist() == points[0]
    assert not np.isin(labels, (0,)).any()
