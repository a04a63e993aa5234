"""Masks in the original frame, against torch's own resize of the whole frame."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional as F

from core.mask_resizing import Interpolation, resize_to_mask

SIDE = 16
MODES: tuple[Interpolation, ...] = ("bilinear", "bicubic")


def smooth_logits(x: float, y: float, radius: float) -> NDArray[np.float32]:
    """A disc, >= 0 within the radius around (x, y), in cells."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (radius - np.hypot(columns - x, rows - y)).astype(np.float32)


@given(
    x=st.floats(0, SIDE - 1),
    y=st.floats(0, SIDE - 1),
    radius=st.floats(1, SIDE),
    height_px=st.integers(1, 90),
    width_px=st.integers(1, 90),
    mode=st.sampled_from(MODES),
)
def test_it_is_the_published_resize(
    x: float, y: float, radius: float, height_px: int, width_px: int, mode: Interpolation
) -> None:
    logits = smooth_logits(x, y, radius)
    whole = F.interpolate(
        torch.from_numpy(logits)[None, None], (height_px, width_px), mode=mode, align_corners=False
    )[0, 0].numpy()
    mask = resize_to_mask(logits, (height_px, width_px), mode)
    surely = np.abs(whole) > 1e-4
    assert (mask == (whole >= 0))[surely].all()


@pytest.mark.parametrize("mode", MODES)
def test_a_box_cuts_and_changes_nothing_inside(mode: Interpolation) -> None:
    logits, size_hw = smooth_logits(8, 8, 6), (100, 200)
    box = np.array([60.4, 20.0, 120.0, 70.2])
    inside = np.zeros(size_hw, bool)
    inside[20:71, 60:120] = True
    cut = resize_to_mask(logits, size_hw, mode, box)
    assert (cut == (resize_to_mask(logits, size_hw, mode) & inside)).all()
    assert cut.any()


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_mask_stays_empty(mode: Interpolation) -> None:
    assert not resize_to_mask(np.full((SIDE, SIDE), -3, np.float32), (40, 50), mode).any()


def test_no_speck_lies_where_every_cell_around_is_negative() -> None:
    logits = np.full((SIDE, SIDE), -0.01, np.float32)
    logits[4, 4] = -20.0
    whole = F.interpolate(torch.from_numpy(logits)[None, None], (160, 160), mode="bicubic")
    assert (whole >= 0).any(), "the published resize overshoots here"
    assert not resize_to_mask(logits, (160, 160), "bicubic").any()
