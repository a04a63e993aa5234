"""Real worker processes, as ``esam worker`` starts them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from redis import Redis
from rq import Worker

from esam.processes import stop_process

StartWorker = Callable[[], "subprocess.Popen[bytes]"]

_READY_TIMEOUT_S = 60.0


class WorkerProcesses:
    """Worker processes on one Redis; each is waited for until it has registered.

    Args:
        redis: where they register.
        url: of that Redis.
        weights: of nano.
        module: what is run; its command line is that of ``esam``.
        environment: settings beside these.

    Attributes:
        environment: of those that are started from now on.
    """

    def __init__(
        self,
        redis: Redis,
        url: str,
        weights: Path,
        module: str = "esam",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._redis = redis
        self._command = [sys.executable, "-m", module, "worker"]
        self.environment = {
            **os.environ,
            "ESAM_REDIS_URL": url,
            "ESAM_MODEL": "nano",
            "ESAM_WEIGHTS": str(weights),
            **(environment or {}),
        }
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(self._command, env=self.environment)
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


def miss_beats(redis: Redis) -> None:
    """Let the time pass after which workers that do not beat count as dead."""
    for key in redis.keys("rq:execution:*"):
        redis.delete(key)
