"""``esam`` with a model that some images are poison to.

``python -m tests.poisoned_esam worker`` takes the arguments of ``esam worker``.
"""

import io
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core import Predictor
from esam.cli import run_cli

KILLING_HW = (13, 17)
"""An image of this size kills the process that encodes it."""

RAISING_HW = (17, 13)
"""Over an image of this size the encoder raises what nobody foresaw."""

ENDLESS_HW = (19, 13)
"""An image of this size is encoded for an hour."""

LOST_DEVICE_HW = (13, 19)
"""An image of this size costs the process its device."""

_encode = Predictor.encode


def make_noise(size_hw: tuple[int, int], seed: int = 0) -> bytes:
    """An image file of this size, poisonous or not."""
    rgb = np.random.default_rng(seed).integers(0, 255, (*size_hw, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def _encode_or_die(self: Predictor, rgb: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> Any:
    images = [rgb] if isinstance(rgb, np.ndarray) else rgb
    if any(image.shape[:2] == KILLING_HW for image in images):
        os.kill(os.getpid(), signal.SIGKILL)
    if any(image.shape[:2] == RAISING_HW for image in images):
        raise RuntimeError("cudnn error: this image is poison")
    if any(image.shape[:2] == LOST_DEVICE_HW for image in images):
        self.is_device_usable = lambda: False  # type: ignore[method-assign]
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if any(image.shape[:2] == ENDLESS_HW for image in images):
        time.sleep(3600)
    return _encode(self, rgb)


if __name__ == "__main__":
    Predictor.encode = _encode_or_die  # type: ignore[method-assign]
    sys.exit(run_cli())
