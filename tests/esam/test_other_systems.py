"""Where the operating system is not Linux: what it lacks is done without."""

import ctypes
import os
import sys

import pytest

from esam.memory_policy import keep_freed_memory
from esam.processes import start_process
from esam.stack import count_cores


@pytest.fixture(autouse=True)
def macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as our code asks."""
    monkeypatch.setattr(sys, "platform", "darwin")

    def has_no_such_library(name: str | None) -> None:
        raise AssertionError(f"{name} is of Linux")

    monkeypatch.setattr(ctypes, "CDLL", has_no_such_library)
    monkeypatch.delattr(os, "sched_getaffinity")


def test_memory_is_left_to_the_c_library() -> None:
    keep_freed_memory()


def test_processes_start_without_being_tied_to_their_parent() -> None:
    process = start_process([sys.executable, "-c", ""])
    assert process.wait(60) == 0


def test_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert count_cores() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_cores() == 1
