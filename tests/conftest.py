"""Servers and small models that tests of several packages need."""

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from numpy.typing import NDArray
from redis import Redis

from core import MODELS, Predictor, build_model, load_predictor, save_checkpoint
from esam.redis_server import PrivateRedis
from worker import connect_redis

from .worker_processes import StartWorker, WorkerProcesses

# The same cases on each run: what goes red is what was changed. `make fuzz` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("fuzz", deadline=None, print_blob=True, max_examples=1_000)
settings.load_profile("same")


def pytest_configure() -> None:
    """Let what the tests start hear Ctrl-C, also where the tests run in a shell's background."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def same_first_values() -> None:
    """The same random weights on each run, whatever ran before and whichever process runs it."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def nano_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of nano's architecture with random weights: logic, not quality."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random_nano.safetensors"
    save_checkpoint(build_model(MODELS["nano"].architecture), path)
    return path


@pytest.fixture(scope="session")
def predictor(nano_weights: Path) -> Predictor:
    """The predictor of that checkpoint."""
    return load_predictor("nano", nano_weights)


@pytest.fixture(scope="session")
def photo_like() -> NDArray[np.uint8]:
    """(120, 160, 3) uint8, a bright disc on noise."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 80, (120, 160, 3), dtype=np.uint8)
    y, x = np.mgrid[:120, :160]
    image[(x - 80) ** 2 + (y - 60) ** 2 < 30**2] += 150
    return image


@pytest.fixture(scope="session")
def redis_server() -> Iterator[PrivateRedis]:
    """A real Redis server for the whole run."""
    with PrivateRedis(max_memory="256mb") as server:
        yield server


@pytest.fixture
def redis(redis_server: PrivateRedis) -> Iterator[Redis]:
    """A client of an empty Redis."""
    client = connect_redis(redis_server.url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def start_worker(
    redis: Redis, redis_server: PrivateRedis, nano_weights: Path
) -> Iterator[StartWorker]:
    """Starts a worker on the Redis that is emptied for each test."""
    processes = WorkerProcesses(redis, redis_server.url, nano_weights)
    yield processes.start
    processes.stop()
