"""A worker and its callers when Redis is absent, killed, empty, frozen, full, or says no."""

import hashlib
import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image
from redis import Redis
from redis.exceptions import OutOfMemoryError

from core import Predictor
from worker import EmbeddingClient, RedisUnavailable, connect_redis, list_workers

from ..poisoned_esam import make_noise
from ..redis_process import RedisProcess
from ..worker_processes import WorkerProcesses, miss_beats

_TIMEOUT_S = 60.0


@contextmanager
def serving(server: RedisProcess, weights: Path) -> Iterator[WorkerProcesses]:
    """Workers on this server."""
    with connect_redis(server.url) as client:
        processes = WorkerProcesses(client, server.url, weights)
        try:
            yield processes
        finally:
            processes.stop()


def wait_until(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def large_png() -> bytes:
    """An image that takes a worker a while to read."""
    file = io.BytesIO()
    Image.new("RGB", (6000, 6000), "red").save(file, "PNG")
    return file.getvalue()


def make_client(server: RedisProcess, predictor: Predictor) -> EmbeddingClient:
    """A caller that knows nothing yet."""
    return EmbeddingClient(connect_redis(server.url), predictor.embedding_identity)


def test_a_worker_waits_for_a_redis_that_is_not_there_yet(
    nano_weights: Path, predictor: Predictor, png: bytes
) -> None:
    with RedisProcess() as server:
        server.kill()
        environment = {**os.environ, "ESAM_REDIS_URL": server.url}
        command = [sys.executable, "-m", "esam", "worker", "--model", "nano"]
        command += ["--weights", str(nano_weights)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as child:
            assert child.stderr is not None
            line = next(line for line in child.stderr if "waiting for Redis" in line)
            assert str(server.socket) in line
            assert "ESAM_REDIS_URL" in line
            server.start()
            assert make_client(server, predictor).get_or_encode(png).original_size_hw == (120, 160)
            child.terminate()
            assert child.wait(_TIMEOUT_S) == 0


def test_a_worker_that_waits_for_redis_can_be_stopped(nano_weights: Path) -> None:
    environment = {**os.environ, "ESAM_REDIS_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "-m", "esam", "worker", "--weights", str(nano_weights)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stderr is not None
        next(line for line in child.stderr if "waiting for Redis" in line)
        child.terminate()
        assert child.wait(_TIMEOUT_S) == 0


def test_a_wrong_password_ends_a_worker_and_a_call_with_what_to_correct(
    nano_weights: Path, predictor: Predictor, png: bytes
) -> None:
    with RedisProcess(requirepass="right") as server:
        for url in (server.url, f"unix://:wr0ng-s3cret@{server.socket}"):
            environment = {**os.environ, "ESAM_REDIS_URL": url}
            command = [sys.executable, "-m", "esam", "worker", "--weights", str(nano_weights)]
            ended = subprocess.run(
                command, capture_output=True, text=True, env=environment, check=False
            )
            assert ended.returncode == 1
            assert re.search(r"refused the password; correct it in ESAM_REDIS_URL", ended.stderr)
            assert "s3cret" not in ended.stderr
            client = EmbeddingClient(connect_redis(url), predictor.embedding_identity)
            with pytest.raises(RedisUnavailable, match="refused the password") as caught:
                client.get_or_encode(png)
            assert "s3cret" not in str(caught.value)
        right = connect_redis(f"unix://:right@{server.socket}")
        assert right.ping()


def test_after_redis_was_restarted_empty_the_worker_is_known_again_and_serves(
    nano_weights: Path, predictor: Predictor, png: bytes
) -> None:
    with RedisProcess() as server, serving(server, nano_weights) as workers:
        child = workers.start()
        client = make_client(server, predictor)
        client.get_or_encode(png)
        server.restart()
        with connect_redis(server.url) as redis:
            wait_until(lambda: list_workers(redis), "the worker is not known again")
            (worker,) = list_workers(redis)
            assert worker.embedding_identity == predictor.embedding_identity
        assert make_client(server, predictor).get_or_encode(png).original_size_hw == (120, 160)
        assert child.poll() is None


@pytest.mark.parametrize("keeps_data", [False, True], ids=["empty", "with its data"])
def test_a_click_under_way_gets_its_embedding_although_redis_is_restarted(
    nano_weights: Path, predictor: Predictor, *, keeps_data: bool
) -> None:
    with RedisProcess(keeps_data=keeps_data) as server, serving(server, nano_weights) as workers:
        child = workers.start()
        client = make_client(server, predictor)
        with connect_redis(server.url) as redis, ThreadPoolExecutor(1) as pool:
            answer = pool.submit(client.get_or_encode, large_png(), timeout_s=100)
            wait_until(lambda: redis.zcard("rq:wip:interactive"), "no worker took the job")
            server.restart()
            assert answer.result().original_size_hw == (6000, 6000)
        assert child.poll() is None


def test_a_redis_that_refuses_to_write_for_a_while_costs_no_worker_and_no_click(
    nano_weights: Path, predictor: Predictor
) -> None:
    with RedisProcess() as server, serving(server, nano_weights) as workers:
        child = workers.start()
        client = make_client(server, predictor)
        with connect_redis(server.url) as redis, ThreadPoolExecutor(1) as pool:
            answer = pool.submit(client.get_or_encode, large_png(), timeout_s=100)
            wait_until(lambda: redis.zcard("rq:wip:interactive"), "no worker took the job")
            redis.config_set("min-replicas-to-write", 1)  # as where a replica has gone
            time.sleep(5)  # the job ends, and the worker tries to give it back
            redis.config_set("min-replicas-to-write", 0)
            miss_beats(redis)
            assert answer.result().original_size_hw == (6000, 6000)
        assert child.poll() is None


def test_a_redis_that_hangs_ends_no_worker_and_fails_calls_with_what_it_is(
    nano_weights: Path, predictor: Predictor, png: bytes
) -> None:
    with RedisProcess() as server, serving(server, nano_weights) as workers:
        child = workers.start()
        impatient = connect_redis(f"{server.url}&socket_timeout=1")
        client = EmbeddingClient(impatient, predictor.embedding_identity)
        server.freeze()
        with pytest.raises(RedisUnavailable, match=r"TimeoutError"):
            client.get_or_encode(png)
        time.sleep(20)  # longer than the worker's own timeout: it must notice, and bear it
        server.thaw()
        assert client.get_or_encode(png, timeout_s=100).original_size_hw == (120, 160)
        assert child.poll() is None


@contextmanager
def slowed(redis: Redis) -> Iterator[None]:
    """A Redis that answers for a moment only, sixteen times a second."""
    is_over = threading.Event()

    def pause() -> None:
        while not is_over.is_set():
            redis.client_pause(60)
            redis.ping()  # waits until it is over

    thread = threading.Thread(target=pause)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_a_redis_that_is_slow_loses_no_click_and_no_worker(
    nano_weights: Path, predictor: Predictor
) -> None:
    images = [make_noise((20, 30), seed) for seed in range(6)]
    with RedisProcess() as server, serving(server, nano_weights) as workers:
        child = workers.start()
        with connect_redis(server.url) as redis, slowed(redis), ThreadPoolExecutor(6) as pool:
            embeddings = list(pool.map(make_client(server, predictor).get_or_encode, images))
        assert [embedding.original_size_hw for embedding in embeddings] == [(20, 30)] * 6
        assert child.poll() is None


def test_a_redis_full_of_what_may_not_be_evicted_is_told_as_full(
    nano_weights: Path, predictor: Predictor, png: bytes
) -> None:
    with RedisProcess(maxmemory="6mb") as server, serving(server, nano_weights) as workers:
        workers.start()
        with connect_redis(server.url) as redis:
            fill(redis)
            with pytest.raises(RedisUnavailable, match=r"is full.*raise its maxmemory"):
                make_client(server, predictor).get_or_encode(png)
            redis.delete("filling")
        assert make_client(server, predictor).get_or_encode(png).original_size_hw == (120, 160)


def fill(redis: Redis) -> None:
    """Fill it up with a key that does not expire, as queues have them."""
    with suppress(OutOfMemoryError):
        while True:
            redis.rpush("filling", bytes(10_000))


@pytest.mark.parametrize(
    "spoil",
    [lambda v: v[:-100], lambda v: b"", lambda v: v[:4] + b"\x09" + v[5:], lambda v: b"\x80pickle"],
    ids=["truncated", "empty", "of another version", "foreign"],
)
def test_a_stored_value_that_cannot_be_read_is_replaced(
    served_redis: Redis, predictor: Predictor, png: bytes, spoil: Callable[[bytes], bytes]
) -> None:
    identity = predictor.embedding_identity
    EmbeddingClient(served_redis, identity).get_or_encode(png)
    key = f"esam:embedding:{identity}:{hashlib.sha256(png).hexdigest()}"
    value = served_redis.get(key)
    assert isinstance(value, bytes)
    served_redis.set(key, spoil(value))
    fresh = EmbeddingClient(served_redis, identity)
    assert fresh.get_or_encode(png).original_size_hw == (120, 160)
    assert served_redis.get(key) == value, "replaced by what was there"
