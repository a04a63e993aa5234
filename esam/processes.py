"""Child processes: in a session of their own, stopped politely, then for certain."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

_POLITE_S = 15.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def start_process(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server of ours.

    Ctrl-C does not reach it: who started it stops it, in order. On Linux it gets SIGTERM when its
    parent is killed without a chance to do so.

    Args:
        command: program and arguments.
        environment: the whole environment; None is this process's own.
        log: where it writes; None is this terminal.
    """
    return subprocess.Popen(  # noqa: S603  our own commands
        command,
        env=environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_make_end_with_parent(),  # noqa: PLW1509  one system call, prepared before
    )


def stop_process(process: subprocess.Popen[bytes], polite_s: float = _POLITE_S) -> None:
    """Send SIGTERM, and SIGKILL if the process is still there after ``polite_s`` seconds."""
    stop_processes([process], polite_s)


def stop_processes(processes: Sequence[subprocess.Popen[bytes]], polite_s: float) -> None:
    """Stop several at the same time, as ``stop_process`` does one."""
    deadline = time.monotonic() + polite_s
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _make_end_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def end_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return end_with_parent
