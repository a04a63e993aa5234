"""Accepted objects on their way to the worker that learns from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import MODELS
from labelstudio_backend.runs.stored_objects import (
    MASK_MAX_PX,
    StoredTask,
    find_view_tile,
    store_object,
)
from worker import parse_view

ARCHITECTURE = MODELS["nano"].architecture


@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.integers(0, 2**32 - 1),
)
def test_a_mask_comes_back_to_the_last_pixel(size_hw: tuple[int, int], seed: int) -> None:
    mask = np.random.default_rng(seed).random(size_hw) < 0.5
    mask[0, 0] = True
    stored = store_object("7.0", "ab" * 32, mask, None)
    task = StoredTask(task=7, image_names={"ab" * 32: "image"}, objects=(stored,), empty_masks=0)
    (again,) = StoredTask.model_validate_json(task.model_dump_json()).objects
    found = again.unpack()
    assert (found.name, found.image, len(found.views)) == ("7.0", "ab" * 32, 1)
    assert np.array_equal(found.closest.mask, mask)


def test_a_large_mask_is_kept_as_small_as_a_model_sees_it() -> None:
    mask = np.zeros((2_000, 4_000), bool)
    mask[500:1_500, 1_000:3_000] = True
    found = store_object("1.0", "ab" * 32, mask, None).unpack().closest.mask
    assert found.shape == (512, MASK_MAX_PX)
    assert found.mean() == pytest.approx(mask.mean(), abs=0.01)


def test_a_thing_too_thin_for_the_smaller_mask_does_not_vanish() -> None:
    mask = np.zeros((2_000, 4_000), bool)
    mask[1_000, 100:200] = True
    found = store_object("1.0", "ab" * 32, mask, None).unpack().closest.mask
    assert found.any()


def test_what_is_small_in_its_image_is_looked_at_in_its_tile() -> None:
    mask = np.zeros((1_000, 1_000), bool)
    mask[500:540, 500:540] = True
    tile = find_view_tile(mask, True, ARCHITECTURE)
    assert tile is not None
    found = store_object("1.0", "ab" * 32, mask, tile).unpack()
    assert [parse_view(view.view)[1] for view in found.views] == [None, tile]
    assert found.closest.mask.shape == (tile.height_px, tile.width_px)
    assert found.closest.mask.sum() == mask.sum()
    assert find_view_tile(mask, False, ARCHITECTURE) is None


def test_what_fills_its_image_is_looked_at_in_the_whole_of_it() -> None:
    mask = np.ones((1_000, 1_000), bool)
    assert find_view_tile(mask, True, ARCHITECTURE) is None
