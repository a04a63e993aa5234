import time

import pytest
from redis import Redis
from rq.registry import FailedJobRegistry

from core import Predictor
from worker import (
    BATCH,
    INTERACTIVE,
    PREFETCH,
    WorkerContext,
    enqueue_job,
    read_queues,
    set_context,
)
from worker.job_queue import get_queue
from worker.rq_worker import EncodeWorker


def fail() -> None:
    raise ValueError("as it must")


def test_an_empty_queue_has_no_oldest_job(redis: Redis) -> None:
    queues = read_queues(redis)
    assert list(queues) == [INTERACTIVE, PREFETCH, BATCH]
    assert {(q.waiting, q.running, q.failed, q.oldest_s) for q in queues.values()} == {
        (0, 0, 0, None)
    }


def test_the_oldest_job_counts_though_newer_ones_were_put_before_it(redis: Redis) -> None:
    first = enqueue_job(redis, BATCH, fail, (), timeout_s=5)
    for _ in range(3):
        enqueue_job(redis, BATCH, fail, (), timeout_s=5, is_at_front=True)
    assert first.enqueued_at is not None
    enqueued_at = first.enqueued_at.timestamp()
    batch = read_queues(redis, now=enqueued_at + 100)[BATCH]
    assert batch.waiting == 4
    assert batch.oldest_s == pytest.approx(100, abs=1e-3)


def test_a_clock_that_is_behind_gives_no_negative_age(redis: Redis) -> None:
    enqueue_job(redis, BATCH, fail, (), timeout_s=5)
    assert read_queues(redis, now=time.time() - 3600)[BATCH].oldest_s == 0


def test_jobs_that_failed_are_counted(redis: Redis, predictor: Predictor) -> None:
    set_context(WorkerContext(predictor, redis))
    enqueue_job(redis, PREFETCH, fail, (), timeout_s=5)
    EncodeWorker(redis, {fail: None}, {}).work(burst=True, logging_level="CRITICAL")
    assert FailedJobRegistry(queue=get_queue(redis, PREFETCH)).count == 1
    assert read_queues(redis)[PREFETCH].failed == 1


def test_a_job_that_somebody_else_wrote_has_no_age(redis: Redis) -> None:
    job = enqueue_job(redis, BATCH, fail, (), timeout_s=5)
    redis.hset(job.key, "enqueued_at", "yesterday")
    batch = read_queues(redis)[BATCH]
    assert (batch.waiting, batch.oldest_s) == (1, None)
