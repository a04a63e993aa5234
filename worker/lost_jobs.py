"""Jobs whose worker died: put back on their queue, or given up with a reason.

A job is in hand for as long as the key of its execution lives, which its worker renews every few
seconds. That is Redis's clock alone: RQ compares the wall clocks of the machines, and takes the job
of whoever's clock is slow.

A worker that is killed in the moment it takes a job leaves it on no list of RQ's at all. So all
jobs that are not over are in a set beside their queue, and what is in no other place is lost.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from redis import Redis, WatchError
from rq import Queue
from rq.executions import Execution
from rq.job import Job
from rq.job_lifecycle import record_job_failure

from .job_queue import ENDED
from .keys import unfinished_jobs_key
from .known_jobs import Jobs
from .redis_connection import as_text

logger = logging.getLogger(__name__)

_GIVEN_UP = (
    "WorkerDied: every worker that took this job died over it; is the image too large for its "
    "memory? Look at the worker's log"
)
# A worker that took a job says so within milliseconds; on a machine that swaps, within seconds.
_TAKEN_FOR_S = 4.0


class LostJobs:
    """Looks after the jobs of one queue. Any number of workers may do so at a time.

    Args:
        queue: RQ's queue, whose class of jobs knows these jobs.
        jobs: what is done when one of them is given up.
        clock: monotonic seconds.
    """

    def __init__(
        self, queue: Queue, jobs: Jobs, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue = queue
        self._jobs = jobs
        self._redis: Redis = queue.connection
        self._started_key: str = queue.started_job_registry.key
        self._unfinished_key = unfinished_jobs_key(queue.name)
        self._clock = clock
        self._suspects: dict[str, float] = {}

    def take_back(self) -> None:
        """Put lost jobs back; call it every few seconds.

        A job that its worker died over is taken back at once, one that is nowhere when it still is
        so some seconds later: its worker may be about to say that it has it.
        """
        nowhere, dead = self._find_lost()
        now = self._clock()
        self._suspects = {job_id: self._suspects.get(job_id, now) for job_id in nowhere}
        late = [x for x, seen in self._suspects.items() if now - seen >= _TAKEN_FOR_S]
        for job_id in (*dead, *late):
            self._take_back(job_id)

    def _find_lost(self) -> tuple[set[str], set[str]]:
        """Jobs that are nowhere, and those whose worker stopped renewing them."""
        with self._redis.pipeline() as pipe:
            pipe.smembers(self._unfinished_key)
            pipe.lrange(self._queue.key, 0, -1)
            pipe.zrange(self._started_key, 0, -1)
            unfinished, waiting, started = (set(map(as_text, found)) for found in pipe.execute())
        alive = self._find_alive(started)
        candidates = unfinished - waiting - alive
        lost = self._forget_ended(candidates)
        dead = {_job_of(entry) for entry in started}
        return lost - dead, lost & dead

    def _find_alive(self, entries: Iterable[str]) -> set[str]:
        """Jobs of those executions that are renewed."""
        found = list(entries)
        with self._redis.pipeline(transaction=False) as pipe:
            for entry in found:
                pipe.exists(_execution_key(entry))
            return {
                _job_of(x) for x, is_there in zip(found, pipe.execute(), strict=True) if is_there
            }

    def _forget_ended(self, job_ids: Iterable[str]) -> set[str]:
        """Those of the jobs that are not over; the others leave the set of unfinished ones."""
        found = list(job_ids)
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in found:
                pipe.hget(Job.key_for(job_id), "status")
            statuses: list[Any] = pipe.execute()
        ended = {
            job_id
            for job_id, status in zip(found, statuses, strict=True)
            if status is None or as_text(status) in ENDED
        }
        if ended:
            self._redis.srem(self._unfinished_key, *ended)
        return set(found) - ended

    def _take_back(self, job_id: str) -> None:
        """Put a job back, unless somebody has it after all; the next look sees to what changed."""
        self._suspects.pop(job_id, None)
        job = self._queue.fetch_job(job_id)
        if job is None or job.get_status() in ENDED:
            return
        try:
            with self._redis.pipeline() as pipe:
                pipe.watch(self._queue.key, self._started_key, job.key)
                entries = self._find_entries(job_id)
                if self._queue.get_job_position(job) is not None or self._find_alive(entries):
                    return
                is_over = bool(entries) and not job.retries_left
                pipe.multi()
                if entries:
                    pipe.zrem(self._started_key, *entries)
                else:  # nobody began it: it has as many lives as before
                    job.retries_left = (job.retries_left or 0) + 1
                if is_over:
                    record_job_failure(job, _GIVEN_UP, pipe)
                    pipe.srem(self._unfinished_key, job_id)
                else:
                    job.retry(self._queue, pipe)
                pipe.execute()
        except WatchError:
            return
        logger.warning(
            "job lost with its worker job=%s queue=%s: %s", job_id, self._queue.name,
            "given up" if is_over else "taken up again",
        )  # fmt: skip
        if is_over:
            self._tell(job)

    def _find_entries(self, job_id: str) -> list[str]:
        entries = map(as_text, self._redis.zrange(self._started_key, 0, -1))
        return [entry for entry in entries if _job_of(entry) == job_id]

    def _tell(self, job: Job) -> None:
        """Tell whoever waits for the job that it is given up."""
        try:
            on_given_up = self._jobs.get(job.func)
            if on_given_up is not None:
                on_given_up(*job.args)
        except Exception:  # somebody else's code: it must not cost the other jobs their turn
            logger.exception("job=%s is given up, and that could not be told", job.id)


def _job_of(entry: str) -> str:
    """RQ's registry of started jobs holds ``<job>:<execution>``."""
    return entry.rpartition(":")[0]


def _execution_key(entry: str) -> str:
    job_id, _, execution_id = entry.rpartition(":")
    return Execution(execution_id, job_id, connection=None).key  # type: ignore[arg-type]
