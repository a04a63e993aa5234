"""What the encoder reads of an image."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from core import MODELS, Architecture
from core.preprocessing import to_model_input

CPU = torch.device("cpu")
VITT, NANO = MODELS["vitt"].architecture, MODELS["nano"].architecture


def resize_in_floats(rgb: NDArray[np.uint8], architecture: Architecture) -> Tensor:
    """Step by step, as EfficientSAM's code does it."""
    side = architecture.image_size
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None] / 255
    antialias = architecture.is_antialiased
    return F.interpolate(image, (side, side), mode="bilinear", antialias=antialias)


def test_the_published_models_read_what_they_were_published_with(
    photo_like: NDArray[np.uint8],
) -> None:
    found = to_model_input(photo_like, VITT, CPU)
    torch.testing.assert_close(found, resize_in_floats(photo_like, VITT), atol=1e-6, rtol=0)


@pytest.mark.parametrize("size_hw", [(256, 256), (100, 150), (700, 1100), (40, 9000)])
def test_an_antialiased_image_is_off_by_less_than_a_step_of_its_bytes(
    size_hw: tuple[int, int],
) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (*size_hw, 3), np.uint8)
    found = to_model_input(rgb, NANO, CPU)
    assert found.shape == (1, 3, NANO.image_size, NANO.image_size)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, resize_in_floats(rgb, NANO), atol=1 / 255, rtol=0)
