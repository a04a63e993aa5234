"""A worker as ``esam worker`` starts it, and runs for it to work on."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from core import Predictor, load_predictor
from esam.processes import start_process, stop_process
from esam.redis_server import PrivateRedis
from labelstudio_backend.runs import RunService
from worker import connect_redis, list_workers

from .smooth_model import make_smooth_weights

_POLL_S = 0.1
_START_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class ServedRuns:
    """One worker on a Redis of its own, with weights whose masks are smooth.

    Attributes:
        runs: starts runs.
        redis: where they are.
        redis_pid: process id of Redis.
        worker_pid: process id of the worker.
        predictor: the worker's model, in this process.
        weights: the model's file.
    """

    runs: RunService
    redis: Redis
    redis_pid: int
    worker_pid: int
    predictor: Predictor
    weights: Path


@contextmanager
def serving_runs(model: str) -> Iterator[ServedRuns]:
    """Runs of a model, without tiles: they are encodes more than one an image."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        weights = make_smooth_weights(folder, model)
        server = stack.enter_context(PrivateRedis())
        redis = connect_redis(server.url)
        stack.callback(redis.close)
        predictor = load_predictor(model, weights, dtype="auto")
        runs = RunService(redis, predictor, has_tiles=False)
        worker_pid = stack.enter_context(_serving_worker(model, weights, server.url, redis))
        yield ServedRuns(runs, redis, server.pid, worker_pid, predictor, weights)


@contextmanager
def _serving_worker(model: str, weights: Path, redis_url: str, redis: Redis) -> Iterator[int]:
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
