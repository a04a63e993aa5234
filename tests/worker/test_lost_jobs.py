"""Jobs of workers that died, looked after with a clock of the test's own."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis
from rq import Queue
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from worker import BATCH, enqueue_job
from worker.known_jobs import Jobs, make_job_class
from worker.lost_jobs import LostJobs

_LONG_S = 1000
given_up: list[str] = []


def work(name: str) -> None:
    """What the jobs of these tests would do."""


JOBS: Jobs = {work: given_up.append}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def queue(redis: Redis) -> Queue:
    return Queue(BATCH, connection=redis, job_class=make_job_class(JOBS), serializer=JSONSerializer)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lost_jobs(queue: Queue, clock: Clock) -> LostJobs:
    return LostJobs(queue, JOBS, clock)


def put(redis: Redis) -> Job:
    return enqueue_job(redis, BATCH, work, ("a",), timeout_s=9)


def take(queue: Queue, job: Job) -> Execution:
    """Begin a job as a worker does."""
    assert queue.pop_job_id() == job.id
    job.set_status(JobStatus.STARTED)
    with queue.connection.pipeline() as pipe:
        execution = Execution.create(job, _LONG_S, pipe)
        pipe.execute()
    return execution


def kill_worker(redis: Redis, execution: Execution) -> None:
    """What is left of a worker some seconds after its last beat."""
    redis.delete(execution.key)


def count_lives(job: Job) -> int | None:
    """As Redis has it."""
    return Job.fetch(job.id, job.connection, JSONSerializer).retries_left


def test_a_job_that_waits_or_is_in_hand_is_left_alone(
    redis: Redis, queue: Queue, lost_jobs: LostJobs, clock: Clock
) -> None:
    waiting, taken = put(redis), put(redis)
    queue.remove(taken.id)
    queue.push_job_id(taken.id, at_front=True)
    take(queue, taken)
    for clock.now in (0, 100):
        lost_jobs.take_back()
    assert queue.get_job_ids() == [waiting.id]


def test_a_job_is_not_taken_from_a_worker_whose_clock_is_wrong(
    redis: Redis, queue: Queue, lost_jobs: LostJobs
) -> None:
    job = put(redis)
    execution = take(queue, job)
    hour_ago = time.time() - 3600  # when its worker believes that it began
    redis.zadd(queue.started_job_registry.key, {execution.composite_key: hour_ago})
    lost_jobs.take_back()
    assert queue.get_job_ids() == []
    assert job.get_status() is JobStatus.STARTED


def test_the_job_of_a_dead_worker_is_first_in_its_queue_again_and_has_a_life_less(
    redis: Redis, queue: Queue, lost_jobs: LostJobs
) -> None:
    job, later = put(redis), put(redis)
    kill_worker(redis, take(queue, job))
    lost_jobs.take_back()
    assert queue.get_job_ids() == [job.id, later.id]
    assert job.get_status() is JobStatus.QUEUED
    assert count_lives(job) == 1


def test_a_job_that_no_worker_survives_is_given_up_with_a_reason(
    redis: Redis, queue: Queue, lost_jobs: LostJobs
) -> None:
    job = put(redis)
    given_up.clear()
    for _ in range(3):
        assert given_up == []
        kill_worker(redis, take(queue, job))
        lost_jobs.take_back()
    assert queue.get_job_ids() == []
    assert job.id in queue.failed_job_registry
    result = job.latest_result()
    assert result is not None
    assert "every worker that took this job died over it" in str(result.exc_string)
    assert given_up == ["a"]


def test_who_cannot_be_told_that_a_job_is_given_up_costs_no_other_job_its_turn(
    redis: Redis, queue: Queue, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_to_tell(name: str) -> None:
        raise ConnectionError(name)

    lost_jobs = LostJobs(queue, {work: fail_to_tell}, clock)
    jobs = [put(redis), put(redis)]
    lose_all_lives(redis, queue, lost_jobs)
    assert all(job.id in queue.failed_job_registry for job in jobs)
    assert caplog.text.count("is given up, and that could not be told") == 2


def test_a_job_that_is_gone_by_the_time_it_is_its_turn_is_left_alone(
    redis: Redis, queue: Queue, clock: Clock
) -> None:
    jobs = {name: enqueue_job(redis, BATCH, work, (name,), timeout_s=9) for name in "ab"}
    told: list[str] = []

    def delete_the_other(name: str) -> None:
        told.append(name)
        (other,) = set(jobs) - {name}
        redis.delete(jobs[other].key)

    lose_all_lives(redis, queue, LostJobs(queue, {work: delete_the_other}, clock))
    assert len(told) == 1
    assert redis.keys("rq:job:*") == [jobs[told[0]].key.encode()]
    assert queue.get_job_ids() == []


def lose_all_lives(redis: Redis, queue: Queue, lost_jobs: LostJobs) -> None:
    """Kill every worker that takes one of the jobs that wait, until they are given up."""
    for _ in range(3):
        for job_id in queue.get_job_ids():
            job = queue.fetch_job(job_id)
            assert job is not None
            kill_worker(redis, take(queue, job))
        lost_jobs.take_back()


def test_a_job_that_was_deleted_while_its_worker_died_is_left_alone(
    redis: Redis, queue: Queue, lost_jobs: LostJobs
) -> None:
    job = put(redis)
    kill_worker(redis, take(queue, job))
    redis.delete(job.key)
    lost_jobs.take_back()
    assert queue.get_job_ids() == []
    assert not redis.exists(job.key)


@pytest.mark.parametrize("is_started", [False, True], ids=["taken", "taken and begun"])
def test_a_job_whose_worker_died_before_it_was_registered_is_taken_back_later(
    redis: Redis, queue: Queue, lost_jobs: LostJobs, clock: Clock, *, is_started: bool
) -> None:
    job = put(redis)
    queue.pop_job_id()
    if is_started:
        job.set_status(JobStatus.STARTED)
    lost_jobs.take_back()
    clock.now = 3
    lost_jobs.take_back()
    assert queue.get_job_ids() == [], "its worker may be about to register it"
    clock.now = 5
    lost_jobs.take_back()
    assert queue.get_job_ids() == [job.id]
    assert count_lives(job) == 2, "nobody died over it"


def test_a_job_that_was_registered_meanwhile_is_no_longer_suspected(
    redis: Redis, queue: Queue, lost_jobs: LostJobs, clock: Clock
) -> None:
    job = put(redis)
    queue.pop_job_id()
    lost_jobs.take_back()
    queue.push_job_id(job.id)
    take(queue, job)
    clock.now = 5
    lost_jobs.take_back()
    assert queue.get_job_ids() == []


def test_workers_that_look_at_the_same_time_take_a_job_back_once(
    redis: Redis, queue: Queue
) -> None:
    jobs = [put(redis) for _ in range(20)]
    for job in jobs:
        kill_worker(redis, take(queue, job))
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):  # whoever loses a race leaves it to the next look
            list(pool.map(lambda _: LostJobs(queue, JOBS).take_back(), range(4)))
    assert sorted(queue.get_job_ids()) == sorted(job.id for job in jobs)
    assert {count_lives(job) for job in jobs} == {1}


def test_what_is_over_is_forgotten(redis: Redis, queue: Queue, lost_jobs: LostJobs) -> None:
    ended, gone = put(redis), put(redis)
    for job in (ended, gone):
        queue.remove(job.id)
    ended.set_status(JobStatus.FINISHED)
    gone.delete()
    assert redis.scard("esam:jobs:batch") == 2
    lost_jobs.take_back()
    assert redis.scard("esam:jobs:batch") == 0
