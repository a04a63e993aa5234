"""A process that is told to end while its work goes on, as a process."""

import subprocess
import sys

DRAINING = """
import os, signal, sys, time
from worker.drain import Drain

def give_back():
    raise ConnectionError("Redis is away")

drain = Drain(limit_s=0.1)
drain.listen()
drain.give_back = give_back
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""


def test_work_that_cannot_be_given_back_keeps_no_process_from_ending() -> None:
    command = [sys.executable, "-c", DRAINING]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 0
    assert "what was in hand could not be given back; it is found as lost" in ended.stderr
    assert "Redis is away" in ended.stderr
