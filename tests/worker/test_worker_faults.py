"""Workers that are killed, poisoned or told to stop, as processes."""

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from core import Predictor
from esam.redis_server import PrivateRedis
from worker import EmbeddingClient, EncodeFailed, EncodeTimeout, list_workers

from ..poisoned_esam import ENDLESS_HW, KILLING_HW, LOST_DEVICE_HW, RAISING_HW, make_noise
from ..worker_processes import StartWorker, WorkerProcesses, miss_beats

_TIMEOUT_S = 60.0


def make_images(count: int) -> list[bytes]:
    """So many different ones."""
    return [make_noise((20, 30), seed) for seed in range(count)]


@pytest.fixture
def client(redis: Redis, predictor: Predictor) -> EmbeddingClient:
    return EmbeddingClient(redis, predictor.embedding_identity)


@pytest.fixture
def poisoned(
    redis: Redis, redis_server: PrivateRedis, nano_weights: Path
) -> Iterator[WorkerProcesses]:
    """Workers whose model some images are poison to, and that stop within a second."""
    limit = {"ESAM_DRAIN_TIMEOUT_S": "1"}
    workers = WorkerProcesses(redis, redis_server.url, nano_weights, "tests.poisoned_esam", limit)
    yield workers
    workers.stop()


def wait_until(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_an_image_that_kills_workers_is_given_up_with_a_reason_and_costs_no_more_of_them(
    redis: Redis, client: EmbeddingClient, poisoned: WorkerProcesses
) -> None:
    poison = make_noise(KILLING_HW)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get_or_encode, poison, timeout_s=100)
        for _ in range(3):
            assert poisoned.start().wait(_TIMEOUT_S) == -signal.SIGKILL
            miss_beats(redis)
        survivor = poisoned.start()
        with pytest.raises(EncodeFailed, match="every worker that took this job died over it"):
            answer.result()
    assert client.get_or_encode(make_noise((20, 30))).original_size_hw == (20, 30)
    with pytest.raises(EncodeFailed, match="the last 3 workers that encoded this image died"):
        client.get_or_encode(poison)
    assert survivor.poll() is None


def test_an_image_over_which_the_encoder_raises_costs_no_worker_and_is_not_tried_again_by_itself(
    redis: Redis, client: EmbeddingClient, poisoned: WorkerProcesses
) -> None:
    worker = poisoned.start()
    with pytest.raises(EncodeFailed, match="cudnn error: this image is poison"):
        client.get_or_encode(make_noise(RAISING_HW))
    (found,) = redis.zrange("rq:failed:interactive", 0, -1)
    assert client.get_or_encode(make_noise((20, 30))).original_size_hw == (20, 30)
    assert redis.zrange("rq:failed:interactive", 0, -1) == [found]
    assert worker.poll() is None


def test_a_worker_whose_device_is_lost_ends_and_another_does_the_job(
    redis: Redis, client: EmbeddingClient, poisoned: WorkerProcesses, start_worker: StartWorker
) -> None:
    first = poisoned.start()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get_or_encode, make_noise(LOST_DEVICE_HW), timeout_s=100)
        assert first.wait(_TIMEOUT_S) == 1
        miss_beats(redis)
        start_worker()
        assert answer.result().original_size_hw == LOST_DEVICE_HW


def test_a_worker_that_is_told_to_stop_takes_no_further_job_and_loses_none(
    redis: Redis, client: EmbeddingClient, start_worker: StartWorker
) -> None:
    images = make_images(40)
    order(client, images)
    worker = start_worker()
    wait_until(lambda: redis.llen("rq:queue:interactive") < 35, "it does not begin")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(_TIMEOUT_S) == 0
    waiting = redis.llen("rq:queue:interactive")
    assert waiting > 0
    assert waiting + len(redis.keys("esam:embedding:*")) == 40
    assert redis.keys("rq:execution:*") == []
    assert list_workers(redis) == []
    start_worker()
    for image in images:
        client.get_or_encode(image)


def order(client: EmbeddingClient, images: Sequence[bytes]) -> None:
    """Put a job for each on the queue that nobody waits for."""

    def ask(image: bytes) -> None:
        with pytest.raises(EncodeTimeout):
            client.get_or_encode(image, timeout_s=0.1)

    with ThreadPoolExecutor(len(images)) as pool:
        list(pool.map(ask, images))


def test_a_job_that_outlasts_the_limit_is_given_back_and_done_by_another_worker(
    redis: Redis, redis_server: PrivateRedis, nano_weights: Path, client: EmbeddingClient
) -> None:
    limit = {"ESAM_DRAIN_TIMEOUT_S": "1"}
    poisoned = WorkerProcesses(redis, redis_server.url, nano_weights, "tests.poisoned_esam", limit)
    healthy = WorkerProcesses(redis, redis_server.url, nano_weights)
    try:
        first = poisoned.start()
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(client.get_or_encode, make_noise(ENDLESS_HW), timeout_s=100)
            wait_until(lambda: redis.zcard("rq:wip:interactive"), "no worker took the job")
            first.send_signal(signal.SIGTERM)
            assert first.wait(_TIMEOUT_S) == 0
            assert redis.llen("rq:queue:interactive") == 1, "given back, not found as lost"
            healthy.start()
            assert answer.result().original_size_hw == ENDLESS_HW
    finally:
        poisoned.stop()
        healthy.stop()


def test_a_second_signal_gives_back_at_once(
    redis: Redis, client: EmbeddingClient, poisoned: WorkerProcesses
) -> None:
    worker = poisoned.start()
    with pytest.raises(EncodeTimeout):
        client.get_or_encode(make_noise(ENDLESS_HW), timeout_s=0.1)
    wait_until(lambda: redis.zcard("rq:wip:interactive"), "no worker took the job")
    worker.send_signal(signal.SIGINT)
    time.sleep(0.2)  # two at once are one to the kernel
    worker.send_signal(signal.SIGINT)
    assert worker.wait(_TIMEOUT_S) == 0
    assert redis.llen("rq:queue:interactive") == 1


def test_workers_that_are_replaced_one_by_one_under_load_lose_no_click(
    client: EmbeddingClient, start_worker: StartWorker
) -> None:
    seeds, is_over = itertools.count(), threading.Event()

    def click() -> int:
        clicks = 0
        while not is_over.is_set():
            client.get_or_encode(make_noise((20, 30), next(seeds)), timeout_s=_TIMEOUT_S)
            clicks += 1
        return clicks

    workers = [start_worker(), start_worker()]
    with ThreadPoolExecutor(4) as pool:
        clicking = [pool.submit(click) for _ in range(4)]
        try:
            for old in workers:
                start_worker()
                old.terminate()
                assert old.wait(_TIMEOUT_S) == 0
        finally:
            is_over.set()
        assert all(clicks.result() for clicks in clicking)


def test_a_worker_that_hangs_loses_its_job_to_another_and_does_no_harm_when_it_goes_on(
    redis: Redis, client: EmbeddingClient, poisoned: WorkerProcesses, start_worker: StartWorker
) -> None:
    hung = poisoned.start()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get_or_encode, make_noise(ENDLESS_HW), timeout_s=100)
        wait_until(lambda: redis.zcard("rq:wip:interactive"), "no worker took the job")
        hung.send_signal(signal.SIGSTOP)
        miss_beats(redis)
        start_worker()
        assert answer.result().original_size_hw == ENDLESS_HW
        hung.send_signal(signal.SIGCONT)
    assert client.get_or_encode(make_noise((20, 30))).original_size_hw == (20, 30)
    assert redis.zcard("rq:failed:interactive") == 0
