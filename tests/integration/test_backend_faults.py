"""The backend's process, told to stop and left by its callers."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from redis import Redis

from esam.redis_server import PrivateRedis

from ..backend_process import BackendProcess
from ..worker_processes import StartWorker
from .test_whole_stack import click

_TIMEOUT_S = 60.0
IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)


def wait_until(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def ask(backend: BackendProcess) -> httpx.Response:
    """Click, and wait for the answer."""
    return httpx.post(f"{backend.url}/predict", json=click(IMAGE, 40, 30), timeout=_TIMEOUT_S)


def refuses_connections(backend: BackendProcess) -> bool:
    try:
        httpx.get(f"{backend.url}/health", timeout=_TIMEOUT_S)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:  # it was in line when the door was closed
        return False
    return False


def test_a_backend_that_is_told_to_stop_answers_who_is_there_and_takes_nobody_else(
    redis: Redis, redis_server: PrivateRedis, nano_weights: Path, start_worker: StartWorker
) -> None:
    backend = BackendProcess(redis_server.url, nano_weights, ESAM_DRAIN_TIMEOUT_S="60")
    worker = start_worker()
    with backend, ThreadPoolExecutor(1) as pool:
        worker.send_signal(signal.SIGSTOP)
        answer = pool.submit(ask, backend)
        wait_until(lambda: redis.keys("esam:flight:*"), "no job was made")
        backend.send(signal.SIGTERM)
        wait_until(lambda: refuses_connections(backend), "it still takes calls")
        worker.send_signal(signal.SIGCONT)
        assert answer.result().status_code == 200
        backend.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_is_not_answered_within_the_limit_is_told_to_ask_again_and_the_backend_ends(
    redis: Redis, redis_server: PrivateRedis, nano_weights: Path, number: signal.Signals
) -> None:
    backend = BackendProcess(redis_server.url, nano_weights, ESAM_DRAIN_TIMEOUT_S="1")
    with backend, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, backend)
        wait_until(lambda: redis.keys("esam:flight:*"), "no job was made")
        backend.send(number)
        assert answer.result().status_code == 503
        assert answer.result().json()["error"] == "shutting_down"
        assert answer.result().headers["Retry-After"] == "5"
        backend.wait()
    assert "Traceback" not in "".join(backend.lines)


def test_what_a_caller_that_went_away_asked_for_is_kept_for_the_next(
    redis: Redis, redis_server: PrivateRedis, nano_weights: Path, start_worker: StartWorker
) -> None:
    worker = start_worker()
    with BackendProcess(redis_server.url, nano_weights) as backend:
        httpx.get(f"{backend.url}/versions", timeout=_TIMEOUT_S)  # it is loaded
        worker.send_signal(signal.SIGSTOP)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{backend.url}/predict", json=click(IMAGE, 40, 30), timeout=3)
        wait_until(lambda: redis.keys("esam:flight:*"), "no job was made")
        worker.send_signal(signal.SIGCONT)
        wait_until(lambda: redis.keys("esam:embedding:*"), "its image is not encoded")
        worker.kill()
        assert ask(backend).status_code == 200
    assert "Traceback" not in "".join(backend.lines)
