"""The doctor's checks of this machine: libraries and weights."""

import subprocess
import sys
from pathlib import Path

from core import find_checkpoint, load_model_file, verify_checkpoint

from .findings import Found, Problem

_TIMEOUT_S = 120.0
# What the backend does with them is not enough: a pair that does not fit shows at import only.
_PROGRAM = """
import torch, torchvision
torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
print(torch.__version__, torchvision.__version__, torch.cuda.is_available())
"""
_REINSTALL = (
    "reinstall both from the same index: `make install`, or in one command "
    "`pip install --force-reinstall torch==2.13.0 torchvision==0.28.0`"
)
_MINORS_APART = 15  # torch 2.13 goes with torchvision 0.28, and so on


def check_versions() -> Found[None]:
    """Whether torch and torchvision fit together, tried in a process of its own.

    Raises:
        Problem: they do not.
    """
    command = [sys.executable, "-c", _PROGRAM]
    try:
        result = subprocess.run(  # noqa: S603  our own program
            command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise Problem(f"importing them takes more than {_TIMEOUT_S:.0f} s", _REINSTALL) from None
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
        raise Problem(f"torchvision cannot be imported: {lines[-1]}", _REINSTALL)
    torch, torchvision, has_cuda = result.stdout.split()[-3:]
    text = f"torch {torch}, torchvision {torchvision}, CUDA {'yes' if has_cuda == 'True' else 'no'}"
    if not is_pair(torch, torchvision):
        raise Problem(f"{text}: they are not of one release", _REINSTALL)
    return Found(text, None)


def is_pair(torch: str, torchvision: str) -> bool:
    """Whether the versions are of one release: 2.13.0 and 0.28.0, whatever comes behind a plus."""
    major, minor = torch.split(".")[:2]
    return major != "2" or torchvision.split(".")[:2] == ["0", str(int(minor) + _MINORS_APART)]


def check_weights(model: str | None, weights: Path | None) -> Found[None]:
    """Whether the model's file is here, and the one that was published.

    Raises:
        EfficientSAMError: it is not.
    """
    checkpoint = find_checkpoint(model, weights)
    if weights:
        _, sha256 = load_model_file(checkpoint)
        text = f"{checkpoint.spec.name}, a file of your own: {checkpoint.path} ({sha256[:8]})"
        return Found(text, None)
    verify_checkpoint(checkpoint)
    return Found(f"{checkpoint.spec.name}, as published: {checkpoint.path}", None)
