"""A worker as ``esam worker`` starts it."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from esam.processes import start_process, stop_process
from worker import list_workers

_POLL_S = 0.1
_START_TIMEOUT_S = 120.0


@contextmanager
def serving_worker(model: str, weights: Path, redis_url: str, redis: Redis) -> Iterator[int]:
    """One worker process that is ready; its id."""
    environment = {**os.environ, "ESAM_REDIS_URL": redis_url, "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "esam", "worker"]
    process = start_process([*command, "--model", model, "--weights", str(weights)], environment)
    try:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not list_workers(redis):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the worker did not start")
            time.sleep(_POLL_S)
        yield process.pid
    finally:
        stop_process(process)
