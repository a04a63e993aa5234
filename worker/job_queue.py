"""Jobs on the three queues: made alike everywhere, taken up again when their worker dies."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from redis import Redis
from redis.client import Pipeline
from rq import Queue, Retry
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from .keys import FAILED_JOB_TTL_S, FINISHED_JOB_TTL_S, QUEUES, unfinished_jobs_key
from .known_jobs import KnownJob
from .request_id import REQUEST_ID_FIELD, current_request_id

# A job is tried once more by another worker for each worker that dies over it, this many times.
_LIVES = 3
ENDED = (JobStatus.FAILED, JobStatus.FINISHED, JobStatus.STOPPED, JobStatus.CANCELED)


def enqueue_job(
    redis: Redis,
    queue: str,
    function: Callable[..., object],
    arguments: Sequence[object],
    *,
    timeout_s: int,
    job_id: str | None = None,
    wait_at_most_s: int | None = None,
    is_at_front: bool = False,
    pipeline: Pipeline | None = None,
) -> Job:
    """Put a job on a queue.

    A job whose worker dies goes back to its queue, until it has cost some workers' lives; one that
    raises is over. It works for the request that this thread works for.

    Args:
        redis: where the queue is.
        queue: one of ``QUEUES``.
        function: a module-level function that workers can import.
        arguments: what JSON can carry.
        timeout_s: the longest time it may run.
        job_id: None makes one up.
        wait_at_most_s: dropped when no worker came to it in this time.
        is_at_front: before the jobs that wait already.
        pipeline: commands are added to its transaction instead of being sent.
    """
    request_id = current_request_id()
    job_id = job_id or str(uuid4())
    (redis if pipeline is None else pipeline).sadd(unfinished_jobs_key(queue), job_id)
    return get_queue(redis, queue).enqueue_call(
        function,
        args=tuple(arguments),
        timeout=timeout_s,
        result_ttl=FINISHED_JOB_TTL_S,
        failure_ttl=FAILED_JOB_TTL_S,
        ttl=wait_at_most_s,
        description=getattr(function, "__name__", "job"),
        job_id=job_id,
        at_front=is_at_front,
        meta={REQUEST_ID_FIELD: request_id} if request_id else None,
        retry=Retry(_LIVES - 1, enqueue_at_front=True),
        pipeline=pipeline,
    )


def get_queue(redis: Redis, name: str) -> Queue:
    """RQ's queue of this name; looking at its jobs imports and calls nothing that they name."""
    return Queue(name, connection=redis, job_class=KnownJob, serializer=JSONSerializer)


def withdraw_job(redis: Redis, queue: str, job_id: str, pipeline: Pipeline) -> None:
    """Take a waiting job from its queue: what it is for is done, or will be by another.

    Args:
        redis: where the queue is.
        queue: one of ``QUEUES``.
        job_id: of the job; its waiting is watched by the pipeline, or a worker may have it by now.
        pipeline: commands are added to its transaction.
    """
    get_queue(redis, queue).remove(job_id, pipeline)
    pipeline.delete(KnownJob.key_for(job_id))
    pipeline.srem(unfinished_jobs_key(queue), job_id)


def find_unfinished_job(redis: Redis, job_id: str) -> Job | None:
    """The job, unless it is over or gone."""
    try:
        job = KnownJob.fetch(job_id, connection=redis, serializer=JSONSerializer)
    except NoSuchJobError:
        return None
    return None if job.get_status() in ENDED else job


def has_cost_a_life(job: Job) -> bool:
    """Whether a worker died over it."""
    return (job.retries_left or 0) < _LIVES - 1


def is_more_urgent(queue: str, than: str) -> bool:
    """Whether jobs of one queue come before those of another."""
    return QUEUES.index(queue) < QUEUES.index(than)


def is_urgent_waiting(redis: Redis, than: str) -> bool:
    """Whether a job waits on a queue that comes before this one."""
    # Redis keeps no empty list.
    return bool(redis.exists(*map(_queue_key, QUEUES[: QUEUES.index(than)])))


def count_waiting_jobs(redis: Redis) -> dict[str, int]:
    """Waiting jobs by queue."""
    with redis.pipeline(transaction=False) as pipe:
        for queue in QUEUES:
            pipe.llen(_queue_key(queue))
        lengths: list[Any] = pipe.execute()
    return dict(zip(QUEUES, lengths, strict=True))


def _queue_key(queue: str) -> str:
    return f"{Queue.redis_queue_namespace_prefix}{queue}"
