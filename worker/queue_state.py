"""How the queues are: how long, and for how long."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis import Redis
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.utils import utcparse

from .job_queue import get_queue
from .keys import QUEUES
from .redis_connection import as_text

# What a run hands back comes to the front, newer than what stands behind it. This is more than
# that can be at one time.
_LOOKED_AT = 64


@dataclass(frozen=True)
class QueueState:
    """One queue.

    Attributes:
        waiting: jobs that no worker has taken.
        running: jobs in workers' hands.
        failed: jobs that ended in failure, of the last week.
        oldest_s: how long the oldest waiting job has waited, seconds; None where none waits.
    """

    waiting: int
    running: int
    failed: int
    oldest_s: float | None


def read_queues(redis: Redis, now: float | None = None) -> Mapping[str, QueueState]:
    """The queues, the most urgent first.

    Args:
        redis: where they are.
        now: unix time, seconds; None takes the clock's.
    """
    moment = time.time() if now is None else now
    with redis.pipeline(transaction=False) as pipe:
        for name in QUEUES:
            queue = get_queue(redis, name)
            pipe.llen(queue.key)
            pipe.zcard(StartedJobRegistry(queue=queue).key)
            pipe.zcard(FailedJobRegistry(queue=queue).key)
            pipe.lrange(queue.key, 0, _LOOKED_AT - 1)
        answers = pipe.execute()
    states = {}
    for number, name in enumerate(QUEUES):
        waiting, running, failed, first_ids = answers[4 * number : 4 * number + 4]
        oldest_s = _find_oldest_s(redis, first_ids, moment)
        states[name] = QueueState(waiting, running, failed, oldest_s)
    return states


def _find_oldest_s(redis: Redis, job_ids: Sequence[bytes], now: float) -> float | None:
    with redis.pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.hget(Job.key_for(as_text(job_id)), "enqueued_at")
        times = [_read_time(as_text(x)) for x in pipe.execute() if x is not None]
    known = [time for time in times if time is not None]
    return max(0.0, now - min(known)) if known else None


def _read_time(text: str) -> float | None:
    """Unix time of RQ's text; None where something else stands in its place."""
    try:
        return utcparse(text).timestamp()
    except ValueError:
        return None
