"""What ``/metrics`` says of queues, workers and Redis, and that it says so when Redis does not."""

import os
import signal
from collections.abc import Iterator

import pytest
from redis import Redis

from core import Predictor
from esam.redis_server import PrivateRedis
from labelstudio_backend import RecentFailures, ServiceObserver
from worker import BATCH, connect_redis, enqueue_job
from worker.rq_worker import EncodeWorker

from ..conftest import Backend, InProcessEmbeddings, RunBackend


def do_nothing() -> None: ...


@pytest.fixture
def frozen_redis(redis_server: PrivateRedis) -> Iterator[None]:
    """The Redis of the tests, which accepts connections and answers nothing."""
    os.kill(redis_server.pid, signal.SIGSTOP)
    yield
    os.kill(redis_server.pid, signal.SIGCONT)


def run_observed(run_backend: RunBackend, predictor: Predictor, redis: Redis) -> Backend:
    embeddings = InProcessEmbeddings(predictor)
    observer = ServiceObserver(redis, predictor, embeddings, RecentFailures())
    return run_backend(embeddings=embeddings, observer=observer)


def read_metrics(backend: Backend) -> list[str]:
    reply = backend.client.get("/metrics")
    assert reply.status_code == 200, reply.text
    return reply.text.splitlines()


def test_jobs_that_wait_and_for_how_long(
    run_backend: RunBackend, predictor: Predictor, redis: Redis
) -> None:
    backend = run_observed(run_backend, predictor, redis)
    job = enqueue_job(redis, BATCH, do_nothing, (), timeout_s=5)
    redis.hset(job.key, "enqueued_at", "2020-01-01T00:00:00.000000Z")
    metrics = read_metrics(backend)
    assert 'esam_queue_jobs{queue="batch"} 1.0' in metrics
    assert 'esam_queue_jobs{queue="interactive"} 0.0' in metrics
    (age,) = [x for x in metrics if x.startswith('esam_queue_oldest_seconds{queue="batch"}')]
    assert float(age.rpartition(" ")[2]) > 3600 * 24 * 365


def test_workers_with_another_model_are_told_apart(
    run_backend: RunBackend, predictor: Predictor, redis: Redis
) -> None:
    backend = run_observed(run_backend, predictor, redis)
    for identity in (predictor.embedding_identity, "vitt-1234-p1"):
        worker = EncodeWorker(redis, {}, {"device": "cpu", "embedding_identity": identity})
        worker.register_birth()  # type: ignore[no-untyped-call]
        worker.heartbeat()
    metrics = read_metrics(backend)
    assert "esam_workers 2.0" in metrics
    assert "esam_workers_of_other_model 1.0" in metrics


def test_a_worker_that_was_not_heard_of_yet_is_shown_all_the_same(
    run_backend: RunBackend, predictor: Predictor, redis: Redis
) -> None:
    backend = run_observed(run_backend, predictor, redis)
    worker = EncodeWorker(redis, {}, {"device": "cpu", "embedding_identity": "nano-1"})
    worker.register_birth()  # type: ignore[no-untyped-call]
    redis.hdel(worker.key, "last_heartbeat")
    (shown,) = backend.client.get("/status").json()["workers"]
    assert (shown["name"], shown["last_heartbeat_at"]) == (worker.name, None)
    page = backend.client.get("/status", headers={"Accept": "text/html"})
    assert "heard of some time ago" in page.text


def test_a_redis_that_is_away_is_said_and_the_rest_is_there(
    run_backend: RunBackend, predictor: Predictor
) -> None:
    away = connect_redis("redis://127.0.0.1:1/0", is_patient=False)
    metrics = read_metrics(run_observed(run_backend, predictor, away))
    assert "esam_redis_up 0.0" in metrics
    assert 'esam_cache_hits_total{cache="process"} 0.0' in metrics
    assert not [line for line in metrics if line.startswith("esam_queue")]


@pytest.mark.usefixtures("frozen_redis")
def test_a_redis_that_hangs_keeps_nobody_from_the_figures_and_the_status(
    run_backend: RunBackend, predictor: Predictor, redis_server: PrivateRedis
) -> None:
    impatient = connect_redis(redis_server.url, is_patient=False)
    backend = run_observed(run_backend, predictor, impatient)
    backend.client.timeout = 10  # Prometheus waits as long
    assert "esam_redis_up 0.0" in read_metrics(backend)
    status = backend.client.get("/status").json()
    assert "TimeoutError" in status["redis"]["detail"]
