import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import PromptError
from labelstudio_backend.errors import PromptInvalid
from labelstudio_backend.protocol import ContextRegion
from labelstudio_backend.regions import (
    ObjectPrompt,
    check_original_size,
    group_objects,
    select_prompt_regions,
)

from .label_studio_requests import Json, make_keypoint, make_rectangle

SIZE_HW = (600, 1000)


def group(*regions: Json) -> list[ObjectPrompt]:
    parsed = [ContextRegion.model_validate(region) for region in regions]
    return group_objects(select_prompt_regions(parsed), SIZE_HW)


def points_of(object_prompt: ObjectPrompt) -> list[tuple[float, float, bool]]:
    return [(k.x_px, k.y_px, k.is_positive) for k in object_prompt.keypoints]


def test_a_keypoint_in_percent_becomes_original_pixels() -> None:
    (dog,) = group(make_keypoint(25, 50))
    assert points_of(dog) == [(250, 300, True)]
    assert dog.labels == ("Dog",)
    assert dog.box_xyxy_px is None


def test_a_missing_is_positive_is_positive() -> None:
    region = make_keypoint(25, 50)
    del region["is_positive"]
    assert points_of(group(region)[0]) == [(250, 300, True)]


def test_false_is_negative_and_null_is_positive() -> None:
    (dog,) = group(
        make_keypoint(10, 10),
        make_keypoint(20, 20, is_positive=False),
        make_keypoint(30, 30, is_positive=None),
    )
    assert [k.is_positive for k in dog.keypoints] == [True, False, True]
    assert dog.to_prompt().labels.tolist() == [1, 0, 1]


def test_keypoints_of_one_label_are_one_object_and_of_two_labels_two() -> None:
    dog, cat = group(
        make_keypoint(10, 10), make_keypoint(20, 20, "Cat"), make_keypoint(30, 30, "Dog")
    )
    assert (dog.labels, len(dog.keypoints)) == (("Dog",), 2)
    assert (cat.labels, len(cat.keypoints)) == (("Cat",), 1)


def test_each_rectangle_is_an_object() -> None:
    first, second = group(make_rectangle(0, 0, 10, 10), make_rectangle(50, 50, 20, 10))
    assert first.box_xyxy_px == (0, 0, 100, 60)
    assert second.box_xyxy_px == (500, 300, 700, 360)


def test_a_keypoint_inside_a_rectangle_of_its_label_joins_it() -> None:
    (dog,) = group(make_rectangle(0, 0, 50, 50), make_keypoint(25, 25))
    assert points_of(dog) == [(250, 150, True)]


def test_a_keypoint_inside_a_rectangle_of_another_label_is_its_own_object() -> None:
    dog, cat = group(make_rectangle(0, 0, 50, 50), make_keypoint(25, 25, "Cat"))
    assert (dog.labels, points_of(dog)) == (("Dog",), [])
    assert (cat.labels, cat.box_xyxy_px) == (("Cat",), None)


def test_a_keypoint_inside_two_rectangles_joins_the_smaller() -> None:
    large, small = group(
        make_rectangle(0, 0, 90, 90), make_rectangle(20, 20, 20, 20), make_keypoint(25, 25)
    )
    assert (len(large.keypoints), len(small.keypoints)) == (0, 1)


def test_a_positive_keypoint_outside_the_rectangle_is_an_object_of_its_own() -> None:
    boxed, clicked = group(make_rectangle(0, 0, 20, 20), make_keypoint(80, 80))
    assert boxed.keypoints == []
    assert clicked.box_xyxy_px is None


def test_negative_keypoints_alone_join_the_rectangles_of_their_label() -> None:
    objects = group(
        make_rectangle(0, 0, 20, 20),
        make_rectangle(50, 50, 20, 20),
        make_rectangle(50, 50, 20, 20, "Cat"),
        make_keypoint(30, 30, is_positive=False),
    )
    assert [len(o.keypoints) for o in objects] == [1, 1, 0]


def test_negative_keypoints_without_anything_positive_are_refused() -> None:
    (lonely,) = group(make_keypoint(30, 30, is_positive=False))
    with pytest.raises(PromptError, match="nothing to segment"):
        lonely.to_prompt()


def test_a_rectangle_turned_a_quarter_stands_left_of_its_corner() -> None:
    # 300 px across and 60 px down from (500, 120), clockwise by 90 degrees around that corner.
    (dog,) = group(make_rectangle(50, 20, 30, 10, rotation=90))
    assert dog.box_xyxy_px == pytest.approx((440, 120, 500, 420))


def test_a_rotation_is_one_of_pixels_and_not_of_percents() -> None:
    # 100 x 100 pixels, although 10 % and 16.67 %: its diagonal is upright at 45 degrees.
    (dog,) = group(make_rectangle(50, 20, 10, 100 / 6, rotation=45))
    half_px = 100 / math.sqrt(2)
    assert dog.box_xyxy_px == pytest.approx((500 - half_px, 120, 500 + half_px, 120 + 2 * half_px))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_view_leaves_regions_where_they_are(rotation: int) -> None:
    upright = group(make_keypoint(25, 40), make_rectangle(50, 20, 30, 10))
    turned = group(
        make_keypoint(25, 40, image_rotation=rotation),
        make_rectangle(50, 20, 30, 10) | {"image_rotation": rotation},
    )
    assert turned == upright


@given(
    x=st.floats(20, 60),
    y=st.floats(20, 60),
    width=st.floats(1, 10),
    height=st.floats(1, 10),
    rotation=st.floats(-360, 360),
)
def test_a_rotated_rectangle_keeps_its_centre(
    x: float, y: float, width: float, height: float, rotation: float
) -> None:
    (dog,) = group(make_rectangle(x, y, width, height, rotation=rotation))
    assert dog.box_xyxy_px is not None
    x0, y0, x1, y1 = dog.box_xyxy_px
    angle = math.radians(rotation)
    across, down = width * 10 / 2, height * 6 / 2
    centre = (
        x * 10 + across * math.cos(angle) - down * math.sin(angle),
        y * 6 + across * math.sin(angle) + down * math.cos(angle),
    )
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx(centre, abs=1e-6)


def test_a_rectangle_is_cut_at_the_image_and_one_beside_it_is_refused() -> None:
    (cut,) = group(make_rectangle(-10, 90, 30, 30))
    assert cut.box_xyxy_px == (0, 540, 200, 600)
    (beside,) = group(make_rectangle(110, 10, 20, 20))
    assert beside.box_xyxy_px == pytest.approx((1100, 60, 1300, 180))


def test_other_regions_in_the_context_are_ignored() -> None:
    brush = {"type": "brushlabels", "to_name": "image", "value": {"format": "rle", "rle": [0, 1]}}
    assert len(group(brush, make_keypoint(1, 1))) == 1


@pytest.mark.parametrize(
    ("regions", "reason"),
    [
        ([], "types in it: none"),
        ([{"type": "polygonlabels", "value": {"points": [[1, 2]]}}], "polygonlabels"),
        ([make_keypoint(1, 1), make_keypoint(1, 1, to_name="second")], "image, second"),
        ([make_keypoint(1, 1, image_rotation=45)], "turned by 45 degrees"),
        ([make_keypoint(1, 1, value={"x": 1, "labels": ["Dog"]})], "no x or no y"),
        ([make_rectangle(1, 1, 1, 1) | {"value": {"x": 1, "labels": ["Dog"]}}], "lacks one of"),
    ],
)
def test_a_context_that_cannot_be_read_is_refused_with_the_reason(
    regions: list[Json], reason: str
) -> None:
    with pytest.raises(PromptInvalid, match=reason):
        group(*regions)


def test_a_page_that_sees_another_image_size_is_told_both() -> None:
    region = ContextRegion.model_validate(make_keypoint(1, 1, size_wh=(1072, 603)))
    with pytest.raises(PromptInvalid, match="1072 x 603 pixels, but it is 160 x 120"):
        check_original_size([region], (120, 160))
    check_original_size([region], (603, 1072))


def test_a_label_that_comes_as_labels_is_read_too() -> None:
    region = make_keypoint(1, 1, type="keypoint", value={"x": 1, "y": 1, "labels": ["Cat"]})
    assert group(region)[0].labels == ("Cat",)


def test_a_prompt_without_a_label_is_an_object_without_a_label() -> None:
    (nameless,) = group(make_keypoint(25, 50, value={"x": 25, "y": 50}))
    assert (nameless.labels, points_of(nameless)) == ((), [(250, 300, True)])
