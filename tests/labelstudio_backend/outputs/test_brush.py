import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from label_studio_sdk.converter.brush import decode_rle, mask2rle
from numpy.typing import NDArray

from labelstudio_backend import encode_brush_rle

Mask = NDArray[np.bool_]


def encode_with_sdk(mask: Mask) -> list[int]:
    rle: list[int] = mask2rle(mask.astype(np.uint8) * 255)
    return rle


def mask_of_runs(first: bool, runs: list[int], height: int = 1) -> Mask:
    """(height, W) bool of alternating runs, the last row filled up."""
    values = (np.arange(len(runs)) % 2 == 0) == first
    flat = np.repeat(values, runs)
    return np.resize(flat, (height, -(-flat.size // height)))


@settings(deadline=None, max_examples=300)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_bytes_are_those_of_the_sdk_for_any_small_mask(mask: Mask) -> None:
    assert encode_brush_rle(mask) == encode_with_sdk(mask)


@settings(deadline=None, max_examples=100)
@given(
    st.booleans(),
    st.lists(st.sampled_from([1, 2, 3, 4, 5, 63, 64, 65, 16384, 16385, 16388, 33000]), min_size=1),
    st.integers(1, 3),
)
@example(first=True, runs=[16384 * 3], height=1)
@example(first=False, runs=[16384 * 2 + 1, 1], height=1)
def test_bytes_are_those_of_the_sdk_around_every_run_size(
    first: bool, runs: list[int], height: int
) -> None:
    mask = mask_of_runs(first, runs[:8], height)
    assert encode_brush_rle(mask) == encode_with_sdk(mask)


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (480, 640), (300, 1), (1024, 1024)])
def test_bytes_are_those_of_the_sdk_for_a_mask_of_one_value(
    shape: tuple[int, int], value: bool
) -> None:
    mask = np.full(shape, value)
    assert encode_brush_rle(mask) == encode_with_sdk(mask)


@settings(deadline=None, max_examples=50)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24)))
def test_the_sdk_decodes_the_mask_that_was_encoded(mask: Mask) -> None:
    rgba = decode_rle(encode_brush_rle(mask)).reshape(*mask.shape, 4)
    assert (rgba == mask[..., None] * 255).all()


def test_a_view_with_strides_is_encoded_as_it_looks() -> None:
    mask = (np.arange(900).reshape(30, 30) % 7 == 0).T[::2, ::-1]
    assert encode_brush_rle(mask) == encode_with_sdk(mask)


@pytest.mark.parametrize(
    "mask", [np.zeros((0, 4), bool), np.zeros(4, bool), np.zeros((2, 2), np.uint8)]
)
def test_what_is_not_a_mask_is_refused_with_its_shape(mask: Mask) -> None:
    with pytest.raises(ValueError, match=r"\(H, W\) bool"):
        encode_brush_rle(mask)
