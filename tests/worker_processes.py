"""Real worker processes, as ``esam worker`` starts them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from rq import Worker

from esam.processes import stop_process

StartWorker = Callable[[], "subprocess.Popen[bytes]"]

_READY_TIMEOUT_S = 60.0


class WorkerProcesses:
    """Worker processes on one Redis; each is waited for until it has registered."""

    def __init__(self, redis: Redis, url: str, weights: Path) -> None:
        self._redis = redis
        self._environment = {
            **os.environ,
            "ESAM_REDIS_URL": url,
            "ESAM_MODEL": "nano",
            "ESAM_WEIGHTS": str(weights),
        }
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen([sys.executable, "-m", "esam", "worker"], env=self._environment)
        self._children.append(child)
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while str(child.pid) not in {str(w.pid) for w in Worker.all(connection=self._redis)}:
            assert child.poll() is None, "the worker process ended"
            assert time.monotonic() < deadline, "the worker did not register"
            time.sleep(0.02)
        return child

    def stop(self) -> None:
        for child in self._children:
            stop_process(child)
