import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from labelstudio_backend.outputs.polygon import find_parts, make_polygons, simplify_part

from .drawn_masks import Mask, find_filled_parts, iou, rasterise

MIN_IOU = 0.98


def disc(size_hw: tuple[int, int], x: float, y: float, radius_px: float) -> Mask:
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]]
    found: Mask = (columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2 < radius_px**2
    return found


def draw_polygons(mask: Mask) -> list[Mask]:
    height_px, width_px = mask.shape
    return [rasterise(p["points"], (height_px, width_px)) for p in make_polygons(mask)]


def make_blobs(seed: int, size_hw: tuple[int, int], cells: int = 8) -> Mask:
    """Smooth shapes with holes, as logits that were resized give them."""
    logits = np.random.default_rng(seed).normal(size=(cells, cells)).astype(np.float32)
    resized = Image.fromarray(logits).resize(size_hw[::-1], Image.Resampling.BICUBIC)
    return np.asarray(resized) > 0.3


def test_a_box_of_pixels_is_the_polygon_of_its_edges() -> None:
    mask = np.zeros((20, 40), np.bool_)
    mask[5:15, 10:30] = True
    (polygon,) = make_polygons(mask)
    xs, ys = np.transpose(np.asarray(polygon["points"]))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (25, 75, 25, 75)
    assert polygon["closed"] is True
    (drawn,) = draw_polygons(mask)
    assert iou(drawn, mask) >= MIN_IOU


def test_a_mask_of_the_whole_image_reaches_its_edges() -> None:
    (polygon,) = make_polygons(np.ones((300, 500), np.bool_))
    xs, ys = np.transpose(np.asarray(polygon["points"]))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (0, 100, 0, 100)


def test_one_pixel_is_its_four_corners() -> None:
    mask = np.zeros((4, 8), np.bool_)
    mask[1, 2] = True
    (polygon,) = make_polygons(mask)
    points = polygon["points"]
    assert isinstance(points, list)
    assert sorted(map(tuple, points)) == [(25, 25), (25, 50), (37.5, 25), (37.5, 50)]


def test_each_part_is_a_polygon_the_largest_first() -> None:
    size_hw = (200, 300)
    small, large = disc(size_hw, 60, 60, 20), disc(size_hw, 200, 100, 60)
    first, second = draw_polygons(small | large)
    assert iou(first, large) >= MIN_IOU
    assert iou(second, small) >= MIN_IOU


def test_a_part_below_a_hundredth_of_the_largest_is_left_out() -> None:
    mask = np.zeros((200, 200), np.bool_)
    mask[:100, :100] = True
    mask[150:160, 150:160] = True
    assert len(make_polygons(mask)) == 2
    mask[150, 150] = False
    assert len(make_polygons(mask)) == 1


def test_holes_are_filled_with_what_lies_in_them() -> None:
    size_hw = (200, 200)
    outer = disc(size_hw, 100, 100, 80)
    mask = (outer & ~disc(size_hw, 100, 100, 50)) | disc(size_hw, 100, 100, 20)
    (drawn,) = draw_polygons(mask)
    assert iou(drawn, outer) >= MIN_IOU


def test_parts_that_touch_at_a_corner_are_two() -> None:
    mask = np.zeros((40, 40), np.bool_)
    mask[:20, :20] = mask[20:, 20:] = True
    assert [part.area for part in find_parts(mask)] == [400, 400]


@settings(deadline=None, max_examples=150)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=16)))
def test_parts_are_those_that_scikit_image_finds(mask: Mask) -> None:
    if not mask.any():
        return
    parts = find_parts(mask)
    expected = sorted((int(part.sum()) for part in find_filled_parts(mask)), reverse=True)
    assert [part.area for part in parts] == [a for a in expected if a >= expected[0] / 100]
    assert all(part.is_valid and not part.interiors for part in parts)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.sampled_from([(90, 160), (400, 300), (720, 1280)]),
    st.integers(4, 16),
)
def test_the_pixels_of_a_polygon_are_those_of_its_part(
    seed: int, size_hw: tuple[int, int], cells: int
) -> None:
    mask = make_blobs(seed, size_hw, cells)
    if not mask.any():
        return
    expected = sorted(find_filled_parts(mask), key=lambda part: int(part.sum()), reverse=True)
    expected = [part for part in expected if part.sum() >= expected[0].sum() / 100]
    drawn = draw_polygons(mask)
    assert len(drawn) == len(expected)
    for part in expected:
        if part.sum() >= 100:
            assert max(iou(part, found) for found in drawn) >= MIN_IOU


@pytest.mark.parametrize("radius_px", [15, 50, 200])
def test_few_points_hold_a_disc(radius_px: int) -> None:
    mask = disc((500, 500), 250, 250, radius_px)
    (polygon,) = make_polygons(mask)
    points = polygon["points"]
    assert isinstance(points, list)
    assert 8 <= len(points) <= 60
    (drawn,) = draw_polygons(mask)
    assert iou(drawn, mask) >= MIN_IOU


def test_a_slope_is_a_straight_line() -> None:
    mask = np.tri(300, 400, dtype=np.bool_)
    (polygon,) = make_polygons(mask)
    points = polygon["points"]
    assert isinstance(points, list)
    assert len(points) <= 6


def test_simplified_parts_are_valid_polygons() -> None:
    for seed in range(10):
        for part in find_parts(make_blobs(seed, (300, 400), 20)):
            polygon = simplify_part(part, 1.0)
            assert polygon.is_valid
            assert not polygon.interiors


def test_a_large_photo_takes_less_than_two_seconds() -> None:
    mask = make_blobs(3, (3000, 4000), 16)
    started = time.process_time()
    polygons = make_polygons(mask)
    assert time.process_time() - started < 2.0
    assert all(len(np.asarray(p["points"])) < 1000 for p in polygons)


def test_a_view_with_strides_is_outlined_as_it_looks() -> None:
    mask = make_blobs(1, (120, 160)).T[::2, ::-1]
    assert make_polygons(mask) == make_polygons(mask.copy())
