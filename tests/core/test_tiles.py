"""Which part of an image is looked at more closely."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core import MODELS, Prompt, Tile
from core.tiles import ROOM_AROUND_BOX, ROOM_AROUND_GUESS, find_tile

NANO, VITT = MODELS["nano"].architecture, MODELS["vitt"].architecture
PHOTO_HW = (4000, 6000)


def around(x: float, y: float, side: float) -> NDArray[np.float64]:
    return np.array([x, y, x + side, y + side], float)


def test_a_small_thing_in_a_large_photo_gets_pixels_of_the_photo() -> None:
    tile = find_tile(around(3000, 2000, 60), ROOM_AROUND_GUESS, PHOTO_HW, VITT)
    assert tile is not None
    assert 700 < tile.longest_px < 1500, "about the model's own input of 1,024"


def test_a_large_thing_is_seen_well_enough_in_the_whole_image() -> None:
    assert find_tile(around(1000, 500, 3000), ROOM_AROUND_GUESS, PHOTO_HW, VITT) is None


def test_an_image_of_the_size_of_the_models_input_has_no_tiles() -> None:
    assert find_tile(around(100, 100, 20), ROOM_AROUND_GUESS, (700, 1072), VITT) is None
    assert find_tile(around(100, 100, 20), ROOM_AROUND_GUESS, (700, 1072), NANO) is not None


def test_a_model_that_learned_from_enlarged_parts_is_shown_them_enlarged() -> None:
    size_px = NANO.image_size
    tile = find_tile(around(100, 100, 20), ROOM_AROUND_GUESS, (size_px, size_px), NANO)
    assert tile is not None
    assert tile.longest_px == pytest.approx(size_px / NANO.max_enlargement, abs=1)
    size_px = VITT.image_size
    assert find_tile(around(400, 400, 80), ROOM_AROUND_GUESS, (size_px, size_px), VITT) is None


def test_neighbours_of_one_size_share_a_tile() -> None:
    tiles = {
        find_tile(around(3000 + 5 * i, 2000, 60), ROOM_AROUND_GUESS, PHOTO_HW, VITT)
        for i in range(10)
    }
    assert len(tiles) == 1


def test_around_a_box_there_is_less_room_than_around_a_guess() -> None:
    drawn, guessed = (
        find_tile(around(3000, 2000, 900), room, PHOTO_HW, NANO)
        for room in (ROOM_AROUND_BOX, ROOM_AROUND_GUESS)
    )
    assert drawn is not None
    assert guessed is not None
    assert 900 * ROOM_AROUND_BOX <= drawn.longest_px < guessed.longest_px


@pytest.mark.parametrize("room", [ROOM_AROUND_BOX, ROOM_AROUND_GUESS])
@given(
    x=st.floats(0, 5999), y=st.floats(0, 3999), width=st.floats(0, 3000), height=st.floats(0, 3000)
)
def test_a_tile_lies_on_the_image_and_holds_the_object(
    x: float, y: float, width: float, height: float, room: float
) -> None:
    extent = np.array([x, y, min(x + width, 6000), min(y + height, 4000)])
    tile = find_tile(extent, room, PHOTO_HW, NANO)
    if tile is None:
        assert max(extent[2] - extent[0], extent[3] - extent[1]) > 6000 / 4
        return
    rows, columns = tile.slices
    assert 0 <= columns.start <= extent[0] + 1
    assert extent[2] - 1 <= columns.stop <= 6000
    assert 0 <= rows.start <= extent[1] + 1
    assert extent[3] - 1 <= rows.stop <= 4000


def test_a_very_wide_image_has_square_tiles_as_high_as_it_is() -> None:
    tile = find_tile(around(12_000, 100, 200), ROOM_AROUND_GUESS, (300, 20_000), NANO)
    assert tile is not None
    assert (tile.y0_px, tile.height_px) == (0, min(300, tile.width_px))


def test_a_prompt_moves_with_its_tile_and_loses_the_negative_points_beside_it() -> None:
    prompt = Prompt(
        points=[[110, 60], [130, 70], [900, 900]], labels=[1, 0, 0], box=[90, 40, 150, 90]
    )
    moved = Tile(100, 50, 200, 100).move_prompt(prompt)
    assert moved is not None
    assert moved.points.tolist() == [[10, 10], [30, 20]]
    assert moved.labels.tolist() == [1, 0]
    assert moved.box is not None
    assert moved.box.tolist() == [-10, -10, 50, 40]


@pytest.mark.parametrize(
    "prompt",
    [Prompt(points=[[10, 10]]), Prompt(box=[0, 0, 100, 40]), Prompt(box=[400, 60, 410, 70])],
)
def test_a_prompt_beside_the_tile_is_not_for_it(prompt: Prompt) -> None:
    assert Tile(100, 50, 200, 100).move_prompt(prompt) is None


def test_what_is_cropped_is_placed_where_it_was() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    tile = Tile(30, 10, 40, 50)
    crop = tile.crop(rgb)
    assert crop.shape == (50, 40, 3)
    mask = crop[..., 0] > 100
    whole = tile.place(mask, (90, 120))
    np.testing.assert_array_equal(whole[10:60, 30:70], rgb[10:60, 30:70, 0] > 100)
    assert whole.sum() == mask.sum()
