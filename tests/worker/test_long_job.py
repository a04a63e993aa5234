"""Long jobs in this process's worker, and urgent ones in the midst of them."""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
import torch
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rq import Worker
from rq.job import Job, JobStatus
from rq.timeouts import JobTimeoutException
from rq.worker import WorkerStatus

from core import Predictor
from worker import (
    BATCH,
    INTERACTIVE,
    PREFETCH,
    LongJob,
    WorkerContext,
    current_context,
    do_long_job,
    enqueue_job,
    find_unfinished_job,
    set_context,
)
from worker.rq_worker import EncodeWorker

_PATIENCE_S = 20.0

Work = Callable[[LongJob], None]

done: list[str] = []
works: list[Work] = []


def long_job() -> None:
    """Does the work of the test, and bears it that Redis goes away."""
    with suppress(RedisConnectionError):
        do_long_job(current_context(), BATCH, works[-1])
    done.append("long")


def short_job(name: str) -> None:
    done.append(name)


def slow_job(duration_s: float) -> None:
    time.sleep(duration_s)
    done.append("slow")


def failing_job() -> None:
    raise ValueError("it fails")


def broken_job() -> None:
    """Fails as one does whose Redis goes away, once."""
    done.append("broken")
    if done.count("broken") == 1:
        raise RedisConnectionError("gone")


@pytest.fixture
def worker(redis: Redis, predictor: Predictor) -> EncodeWorker:
    """A worker in this process that does these jobs."""
    done.clear()
    jobs = (long_job, short_job, slow_job, failing_job, broken_job)
    worker = EncodeWorker(redis, dict.fromkeys(jobs), {})
    set_context(WorkerContext(predictor, redis, do_urgent_jobs=worker.do_urgent_jobs))
    return worker


def do(worker: EncodeWorker, work: Work, timeout_s: int = 60) -> Job:
    """Have the worker do this work, and all that is on its queues; the work's job."""
    works.append(work)
    job = enqueue_job(worker.connection, BATCH, long_job, (), timeout_s=timeout_s)
    worker.work(burst=True)
    return job


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("queue", [INTERACTIVE, PREFETCH])
def test_urgent_jobs_are_done_in_the_midst_of_a_long_one(
    worker: EncodeWorker, redis: Redis, queue: str
) -> None:
    states = []

    def work(job: LongJob) -> None:
        urgent = enqueue_job(redis, queue, short_job, ("urgent",), timeout_s=60)
        wait_until(lambda: find_unfinished_job(redis, urgent.id) is None)
        (found,) = Worker.all(connection=redis)
        states.append(found.get_state())
        assert not job.should_stop(), "one that passed is no reason to hand back anything"

    do(worker, work)
    assert done == ["urgent", "long"]
    assert states == [WorkerStatus.BUSY], "the long job is still in hand"
    assert worker.executions == {}


def test_what_is_as_urgent_as_the_long_job_waits(worker: EncodeWorker, redis: Redis) -> None:
    def work(_: LongJob) -> None:
        enqueue_job(redis, BATCH, short_job, ("next",), timeout_s=60)
        time.sleep(0.3)

    do(worker, work)
    assert done == ["long", "next"]


def test_who_is_overrun_is_told_to_stop(worker: EncodeWorker, redis: Redis) -> None:
    def work(job: LongJob) -> None:
        for number in range(6):
            enqueue_job(redis, INTERACTIVE, slow_job, (0.05 * (number == 0),), timeout_s=60)
        wait_until(job.should_stop)

    do(worker, work)
    assert done.count("slow") == 6, "nothing is lost"
    assert "long" in done


def test_what_a_worker_died_over_does_not_pass(worker: EncodeWorker, redis: Redis) -> None:
    def work(job: LongJob) -> None:
        with redis.pipeline() as pipe:
            pipe.multi()
            urgent = enqueue_job(
                redis, INTERACTIVE, short_job, ("urgent",), timeout_s=60, pipeline=pipe
            )
            pipe.hset(urgent.key, "retries_left", "1")
            pipe.execute()
        wait_until(job.should_stop)
        assert urgent.get_position() == 0, "it is the first that the loop takes"

    do(worker, work)
    assert done == ["long", "urgent"]


def test_a_process_that_shall_end_has_the_work_stop(redis: Redis, predictor: Predictor) -> None:
    context = WorkerContext(predictor, redis, is_stopping=lambda: True)
    do_long_job(context, BATCH, lambda job: wait_until(job.should_stop))


def test_the_work_waits_while_an_urgent_job_is_done() -> None:
    job, passed = LongJob(), threading.Event()

    def work() -> None:
        job.let_pass()
        passed.set()

    with job.passing():
        thread = threading.Thread(target=work)
        thread.start()
        assert not passed.wait(0.2)
    assert passed.wait(_PATIENCE_S)
    thread.join()


def test_a_failing_urgent_job_costs_the_long_one_nothing(
    worker: EncodeWorker, redis: Redis
) -> None:
    def work(_: LongJob) -> None:
        urgent = enqueue_job(redis, INTERACTIVE, failing_job, (), timeout_s=60)
        wait_until(lambda: urgent.get_status() is JobStatus.FAILED)

    do(worker, work)
    assert done == ["long"]


def test_the_time_of_an_urgent_job_is_not_the_long_ones(worker: EncodeWorker, redis: Redis) -> None:
    def work(_: LongJob) -> None:
        enqueue_job(redis, INTERACTIVE, slow_job, (1.5,), timeout_s=60)
        wait_until(lambda: "slow" in done)

    do(worker, work, timeout_s=1)
    assert done == ["slow", "long"]


def test_a_long_job_still_has_its_time_limit_afterwards(worker: EncodeWorker, redis: Redis) -> None:
    ends = []

    def work(job: LongJob) -> None:
        enqueue_job(redis, INTERACTIVE, short_job, ("urgent",), timeout_s=60)
        wait_until(job.should_stop)
        ends.append(time.monotonic())

    job = do(worker, work, timeout_s=1)
    assert done == ["urgent"], "the long one was interrupted"
    assert ends, "after its work was told to stop"
    result = job.latest_result()
    assert result is not None
    assert JobTimeoutException.__name__ in str(result.exc_string)


def test_an_urgent_job_that_redis_fails_is_given_back(worker: EncodeWorker, redis: Redis) -> None:
    def work(_: LongJob) -> None:
        enqueue_job(redis, INTERACTIVE, broken_job, (), timeout_s=60)
        wait_until(lambda: "broken" in done)
        time.sleep(0.2)

    do(worker, work)
    assert done == ["broken", "long", "broken"]
    assert worker.executions == {}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only processes are nice")
def test_a_long_jobs_threads_take_what_others_leave_of_the_cores(
    redis: Redis, predictor: Predictor
) -> None:
    def find_niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def work(_: LongJob) -> None:
        found.append(find_niceness())
        thread = threading.Thread(target=lambda: found.append(find_niceness()))
        thread.start()
        thread.join()

    found: list[int] = []
    before = find_niceness()
    do_long_job(WorkerContext(predictor, redis), BATCH, work)
    assert found == [min(19, before + 10)] * 2
    assert find_niceness() == before


def test_a_long_job_has_as_many_threads_of_torchs_as_the_worker(
    redis: Redis, predictor: Predictor
) -> None:
    mine = torch.get_num_threads()
    found: list[int] = []

    def set_fewer(_: LongJob) -> None:
        torch.set_num_threads(1)  # as the encoders of a chunk do

    context = WorkerContext(predictor, redis)
    do_long_job(context, BATCH, set_fewer)
    do_long_job(context, BATCH, lambda _: found.append(torch.get_num_threads()))
    assert found == [mine]
