"""A worker whose job hangs where no exception reaches it, as a process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from worker import BATCH, connect_redis, enqueue_job

from ..redis_process import RedisProcess

_TIMEOUT_S = 60.0


def hang() -> None:
    """Names the job; the worker has a function of this name that does it."""


HANGING = """
import logging, os, signal, sys, time
from tests.worker import test_rq_worker
from worker import connect_redis
from worker.rq_worker import EncodeWorker

def hang():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})  # as native code does not notice it
    print("it hangs", flush=True)
    time.sleep(3600)

hang.__module__ = test_rq_worker.__name__
speed = float(sys.argv[2])
logging.basicConfig()
EncodeWorker(
    connect_redis(sys.argv[1]), {hang: None}, {}, clock=lambda: speed * time.monotonic()
).work(burst=True)
"""


@contextmanager
def hanging_worker(server: RedisProcess, speed: float) -> Iterator[subprocess.Popen[str]]:
    """A worker in whose job time flies or does not; the job hangs.

    Args:
        server: its Redis.
        speed: of its clock.
    """
    with connect_redis(server.url) as redis:
        enqueue_job(redis, BATCH, hang, (), timeout_s=1)
    command = [sys.executable, "-c", HANGING, server.url, str(speed)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as worker:
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "it hangs\n"
            yield worker
        finally:
            worker.terminate()


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    with RedisProcess() as process:
        yield process


def read_until(lines: IO[str] | None, text: str) -> None:
    assert lines is not None
    assert any(text in line for line in lines), text


def test_a_worker_whose_job_hangs_in_native_code_ends(server: RedisProcess) -> None:
    with hanging_worker(server, speed=100) as worker:
        read_until(worker.stderr, "hangs and cannot be interrupted; ending")
        assert worker.wait(_TIMEOUT_S) == 1


def test_a_worker_whose_redis_goes_away_under_a_job_stays(server: RedisProcess) -> None:
    with hanging_worker(server, speed=1) as worker:
        server.kill()
        read_until(worker.stderr, "no heartbeat, Redis is away")
        assert worker.poll() is None
