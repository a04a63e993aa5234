"""An image, and a Redis that is served for the whole run."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from redis import Redis

from esam.redis_server import PrivateRedis
from worker import connect_redis

from ..worker_processes import WorkerProcesses


@pytest.fixture
def png(photo_like: NDArray[np.uint8], request: pytest.FixtureRequest) -> bytes:
    """The photo as a PNG file's content, another file for each test."""
    file = io.BytesIO()
    Image.fromarray(photo_like).save(file, "PNG")
    return file.getvalue() + request.node.nodeid.encode()


@pytest.fixture(scope="session")
def served_redis(nano_weights: Path) -> Iterator[Redis]:
    """A Redis with one worker, both for the whole run; tests bring images of their own.

    It computes in float32: its numbers are compared with core's.
    """
    with PrivateRedis(max_memory="256mb") as server:
        client = connect_redis(server.url)
        processes = WorkerProcesses(
            client, server.url, nano_weights, environment={"ESAM_DTYPE": "float32"}
        )
        processes.start()
        yield client
        processes.stop()
        client.close()
