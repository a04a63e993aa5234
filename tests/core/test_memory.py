"""Not enough memory, for real on the CPU: a process that may have no more than it has."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core import OutOfMemory
from core.memory import memory_errors_translated

SCRIPT = """
import resource, sys
import numpy as np
from core import OutOfMemory, load_predictor, read_image

predictor = load_predictor("nano", sys.argv[1])
image = np.zeros((64, 64, 3), np.uint8)
predictor.encode(image)
has_now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (has_now + 200 * 2**20, resource.RLIM_INFINITY))
try:
    predictor.encode([image] * 200)
except OutOfMemory as error:
    print(error)
predictor.encode(image)
print("and one image still fits")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and limits the address space")
def test_a_batch_that_does_not_fit_is_told_and_a_smaller_one_works(nano_weights: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(nano_weights)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told, fits = done.stdout.splitlines()
    assert told.startswith("not enough memory to encode 200 image(s) (")
    assert fits == "and one image still fits"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    ],
    ids=["Python", "CUDA", "torch on a CPU"],
)
def test_every_form_of_it_is_one_error(error: Exception) -> None:
    with (
        pytest.raises(OutOfMemory, match="not enough memory to see"),
        memory_errors_translated("see"),
    ):
        raise error


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="of another size"), memory_errors_translated("see"):
        raise RuntimeError("tensors of another size")
