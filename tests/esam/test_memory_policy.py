"""Memory that is freed and wanted again brings no new pages."""

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import resource, sys
import numpy as np
from esam.memory_policy import keep_freed_memory

def work():
    arrays = [np.ones(10 << 20, np.uint8) for _ in range(5)]

if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(3):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _count_faults(policy: str) -> int:
    command = [sys.executable, "-c", _PROGRAM, policy]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_is_used_again_and_not_handed_back() -> None:
    assert _count_faults("default") > 10_000, "the program shows nothing"
    assert _count_faults("kept") < 100
