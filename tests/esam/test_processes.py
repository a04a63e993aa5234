"""Child processes are stopped politely, and then for certain."""

import os
import signal
import sys

import pytest

from esam.processes import start_process, stop_process

_PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGTERM, getattr(signal, sys.argv[1]))
print("ready", flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize(
    ("on_sigterm", "polite_s", "number"),
    [("SIG_DFL", 60.0, signal.SIGTERM), ("SIG_IGN", 0.1, signal.SIGKILL)],
)
def test_a_process_that_does_not_listen_is_killed_when_its_time_is_over(
    on_sigterm: str, polite_s: float, number: signal.Signals
) -> None:
    said, log = os.pipe()
    with open(said, "rb") as lines, open(log, "wb") as file:
        process = start_process([sys.executable, "-c", _PROGRAM, on_sigterm], log=file)
        try:
            assert lines.readline() == b"ready\n"
            stop_process(process, polite_s)
            assert process.returncode == -number
        finally:
            process.kill()
            process.wait()
