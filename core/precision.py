"""What number formats a model computes in."""

from dataclasses import dataclass

import torch

from .errors import DeviceError

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_AUTO = "auto"


@dataclass(frozen=True)
class Precision:
    """Of encoder and mask decoder.

    The prompt encoder is always float32: at half precision the angle of a far point's Fourier
    features is off by whole pixels.

    Attributes:
        encoder: of the image encoder.
        decoder: of the mask decoder.
    """

    encoder: torch.dtype
    decoder: torch.dtype


def find_precision(dtype: str, device: torch.device) -> Precision:
    """What a dtype that was asked for means on a device.

    Args:
        dtype: ``float32``, ``bfloat16`` or ``float16`` for encoder and decoder; ``auto`` for an
            encoder in bfloat16 where the device has units for it, and float32 otherwise. The
            decoder draws the edge, where half a step shows, and is no faster on a CPU: float32.
        device: where the model is.

    Raises:
        DeviceError: there is no such dtype.
    """
    if dtype == _AUTO:
        encoder = torch.bfloat16 if has_bfloat16_units(device) else torch.float32
        return Precision(encoder, torch.float32)
    if dtype not in _DTYPES:
        raise DeviceError(f"unknown dtype {dtype!r}; use one of {', '.join((_AUTO, *_DTYPES))}")
    return Precision(_DTYPES[dtype], _DTYPES[dtype])


def has_bfloat16_units(device: torch.device) -> bool:
    """Whether products are faster in bfloat16; a CPU without AMX takes longer."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("amx_bf16"))
