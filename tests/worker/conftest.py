"""Real worker processes."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from redis import Redis
from rq import Worker

from core import Predictor, load_predictor
from esam.processes import stop_process
from esam.redis_server import PrivateRedis
from worker import connect_redis

StartWorker = Callable[[], "subprocess.Popen[bytes]"]

_READY_TIMEOUT_S = 60.0


@pytest.fixture(scope="session")
def predictor(nano_weights: Path) -> Predictor:
    return load_predictor("nano", nano_weights)


@pytest.fixture
def png(photo_like: NDArray[np.uint8], request: pytest.FixtureRequest) -> bytes:
    """The photo as a PNG file's content, another file for each test."""
    file = io.BytesIO()
    Image.fromarray(photo_like).save(file, "PNG")
    return file.getvalue() + request.node.nodeid.encode()


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


@pytest.fixture
def start_worker(
    redis: Redis, redis_server: PrivateRedis, nano_weights: Path
) -> Iterator[StartWorker]:
    """Starts a worker on the Redis that is emptied for each test."""
    processes = WorkerProcesses(redis, redis_server.url, nano_weights)
    yield processes.start
    processes.stop()


@pytest.fixture(scope="session")
def served_redis(nano_weights: Path) -> Iterator[Redis]:
    """A Redis with one worker, both for the whole run; tests bring images of their own."""
    with PrivateRedis(max_memory="256mb") as server:
        client = connect_redis(server.url)
        processes = WorkerProcesses(client, server.url, nano_weights)
        processes.start()
        yield client
        processes.stop()
        client.close()
