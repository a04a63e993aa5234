"""``esam`` with a model that some images are poison to.

``python -m tests.poisoned_esam worker`` takes the arguments of ``esam worker``.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import Predictor
from esam.cli import run_cli

KILLING_HW = (13, 17)
"""An image of this size kills the process that encodes it."""

RAISING_HW = (17, 13)
"""Over an image of this size the encoder raises what nobody foresaw."""

ENDLESS_HW = (19, 13)
"""An image of this size is encoded for an hour."""

_encode = Predictor.encode


def _encode_or_die(self: Predictor, rgb: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> Any:
    images = [rgb] if isinstance(rgb, np.ndarray) else rgb
    if any(image.shape[:2] == KILLING_HW for image in images):
        os.kill(os.getpid(), signal.SIGKILL)
    if any(image.shape[:2] == RAISING_HW for image in images):
        raise RuntimeError("cudnn error: this image is poison")
    if any(image.shape[:2] == ENDLESS_HW for image in images):
        time.sleep(3600)
    return _encode(self, rgb)


if __name__ == "__main__":
    Predictor.encode = _encode_or_die  # type: ignore[method-assign]
    sys.exit(run_cli())
