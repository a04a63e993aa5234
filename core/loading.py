"""From a model's name to a predictor of it on a device."""

from pathlib import Path

import torch

from .checkpoint import find_checkpoint, load_model_file
from .errors import DeviceError
from .precision import find_precision
from .predictor import Predictor


def load_predictor(
    name: str | None = None,
    weights: str | Path | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> Predictor:
    """Load a model.

    Args:
        name: registry name; None takes ``vitt`` when its file is there, else ``nano``.
        weights: checkpoint file; None looks in the weights folder.
        device: torch device, such as ``cpu`` or ``cuda:0``.
        dtype: ``float32``, ``bfloat16``, ``float16``, or ``auto`` for what suits the device, as of
            ``find_precision``.

    Raises:
        UnknownModelError: no such model.
        CheckpointError: the file is missing, damaged or of another architecture.
        DeviceError: the device or dtype cannot be used here.
    """
    place = _usable_device(device)
    precision = find_precision(dtype, place)
    checkpoint = find_checkpoint(name, weights)
    model, sha256 = load_model_file(checkpoint)
    return Predictor(checkpoint, model, sha256, place, precision)


def _usable_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).splitlines()[0]
        raise DeviceError(f"device {name!r} cannot be used here ({first_line}); try cpu") from error
    return device
