"""RQ's worker with a pulse, that neither its own death nor Redis's costs a job.

RQ's ``SimpleWorker`` works in this process: its forking worker would copy the model into a child
for each job, and cannot be used with CUDA. Beyond that this one

- beats all the time, from a thread, where RQ's beats once a job, so that a killed worker seems
  alive until its job's timeout is over;
- looks after the jobs of dead workers itself (``lost_jobs``);
- is known again after Redis was restarted without its data;
- stops between jobs, never in the moment it takes one, and gives back the job in hand when that
  takes too long (``drain``);
- does urgent jobs in the midst of a long one (``long_job``);
- does a job again that Redis failed, and gives up one that hangs in native code.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus
from rq.worker_registration import clean_worker_registry, register

from core import EfficientSAMError

from .drain import Drain
from .errors import WorkerError
from .job_queue import get_queue, has_cost_a_life
from .keys import QUEUES
from .known_jobs import Jobs, make_job_class
from .lost_jobs import LostJobs
from .redis_connection import is_passing
from .request_id import REQUEST_ID_FIELD, choose_request_id, working_for

logger = logging.getLogger(__name__)

_BEAT_EVERY_S = 5.0
# How soon after its last beat a worker counts as dead. A busy machine may delay a beat.
_ALIVE_FOR_S = 25
# How long RQ waits for a job before it asks again; so long an idle worker may take to stop.
_WAIT_S = 1
# RQ waits for jobs this much shorter than its ``worker_ttl``.
_RQ_MARGIN_S = 15
_LOOK_EVERY_S = 5.0
# RQ interrupts a job that takes too long; one that hangs in native code does not notice.
_OVERTIME_S = 30.0

_ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class EncodeWorker(SimpleWorker):
    """One worker process on the three queues.

    Attributes:
        max_connection_wait_time: how long RQ waits at most before it asks an absent Redis again.

    Args:
        redis: where the queues are.
        jobs: those it does.
        description: fields kept beside the worker in Redis, such as its device.
        drain: whether the process shall end; None for one that ends by itself.
        clock: monotonic seconds.
    """

    max_connection_wait_time = 3.0

    def __init__(
        self,
        redis: Redis,
        jobs: Jobs,
        description: Mapping[str, str],
        drain: Drain | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._description = description
        self._drain = drain or Drain(0)
        self._clock = clock
        self._looked_at = float("-inf")
        super().__init__(
            list(QUEUES),
            connection=redis,
            job_class=make_job_class(jobs),
            serializer=JSONSerializer,
            worker_ttl=_WAIT_S + _RQ_MARGIN_S,
            log_job_description=False,
        )
        self._lost_jobs = [LostJobs(queue, jobs, clock) for queue in self.queues]

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Do a job in this process, beating meanwhile.

        Raises:
            RedisError: Redis went away meanwhile; the job is still this worker's.
        """
        is_within = bool(self.executions)
        # RQ says so only after it has registered the job, and takes a registered job that is not
        # started for one that is over: the job of a worker that was killed between the two.
        job.set_status(JobStatus.STARTED)
        execution = self.prepare_execution(job)
        meta = job.meta if isinstance(job.meta, dict) else {}
        request_id = choose_request_id(meta.get(REQUEST_ID_FIELD))
        with self._beating(job, execution), working_for(request_id):
            self.perform_job(job, queue, execution)
        if is_within:
            return
        self.give_back_jobs(is_life_lost=True)  # those that Redis failed in the midst of this one
        self.executions.clear()
        self.set_state(WorkerStatus.IDLE)

    def do_urgent_jobs(self, than: str, at_most: int) -> None:
        """Do jobs that come before those of a queue, in the midst of one of its jobs.

        One that a worker died over is left to the loop, that the job in hand does not die with it.

        Args:
            than: the queue of the job in hand, which calls this from the thread that it began in.
            at_most: so many.

        Raises:
            RedisError: Redis went away; the job in hand ends, and what it failed is given back.
        """
        urgent = self.queues[: QUEUES.index(than)]
        for _ in range(at_most):
            if self._drain.is_requested:
                return
            found = self.queue_class.dequeue_any(
                urgent, None, self.connection, self.job_class, self.serializer
            )
            if found is None:
                return
            job, queue = found
            if has_cost_a_life(job):
                queue.push_job_id(job.id, at_front=True)
                return
            with _alarm_put_off():
                self.execute_job(job, queue)

    def subscribe(self) -> None:
        """Listen to nobody: RQ's commands would let whoever may publish stop this worker."""

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that this worker is alive, also to a Redis that has never heard of it."""
        if pipeline is None:
            # RQ beats between taking a job and beginning it: one way to Redis instead of seven.
            with self.connection.pipeline(transaction=False) as own:
                self.heartbeat(timeout, own)
                own.execute()
            return
        # RQ asks for longer times than we believe it.
        super().heartbeat(_ALIVE_FOR_S, pipeline)
        fields: dict[Any, Any] = {**self.serialize(), **self._description, "state": self._state}
        pipeline.hset(self.key, mapping=fields)
        register(self, pipeline)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """How long a job without a beat counts as alive, seconds."""
        return _ALIVE_FOR_S

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """Whether it is time to look after lost jobs; RQ asks before it takes a job, and only then.

        Raises:
            StopRequested: this worker was told to stop; it holds no job now.
        """
        if self._drain.is_requested:
            raise StopRequested
        return self._clock() - self._looked_at >= _LOOK_EVERY_S

    def run_maintenance_tasks(self) -> None:
        """Take back the jobs of dead workers, and forget what is over."""
        for queue, lost_jobs in zip(self.queues, self._lost_jobs, strict=True):
            lost_jobs.take_back()
            queue.finished_job_registry.cleanup()
            queue.failed_job_registry.cleanup()
            clean_worker_registry(queue)
        self._looked_at = self._clock()

    def give_back_jobs(self, *, is_life_lost: bool = False) -> None:
        """Put the jobs in hand back on their queues.

        Args:
            is_life_lost: whether it counts as a try; one without lives left is found as lost, and
                given up.
        """
        for execution in list(self.executions.values()):
            self._give_back(execution, is_life_lost)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log why a job failed: what was foreseen in one line, anything else with its traceback."""
        error = exc_info[1]
        if isinstance(error, EfficientSAMError | WorkerError):
            logger.warning("job failed id=%s reason=%.2000r", job.id, str(error))
        else:
            logger.error("job failed id=%s", job.id, exc_info=error)

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """A job that raised is over: it would raise again. Retries are for dead workers' jobs."""
        job.retries_left = 0
        super().handle_job_failure(job, queue, *args, **kwargs)

    def _finalize_failure(
        self, job: Job, queue: Queue, execution: Execution, exc_info: _ExcInfo
    ) -> None:
        """A job that Redis failed did not fail: it is found as lost when Redis is back."""
        error = exc_info[1]
        if isinstance(error, RedisError) and is_passing(error):
            raise error
        super()._finalize_failure(job, queue, execution, exc_info)

    def _install_signal_handlers(self) -> None:
        """The drain has them: RQ would stop in the moment it takes a job, and lose it."""

    def _give_back(self, execution: Execution, is_life_lost: bool) -> None:
        job = execution.job
        lives = (job.retries_left or 0) + (0 if is_life_lost else 1)
        with self.connection.pipeline() as pipe:
            pipe.watch(job.key)
            if not lives or not pipe.exists(job.key):
                return
            pipe.multi()
            execution.delete(job, pipe)
            job.retries_left = lives
            job.retry(get_queue(self.connection, job.origin), pipe)
            pipe.execute()
        logger.info("job given back job=%s queue=%s", job.id, job.origin)

    @contextmanager
    def _beating(self, job: Job, execution: Execution) -> Iterator[None]:
        is_done = threading.Event()
        started = self._clock()

        def beat() -> None:
            while not is_done.wait(_BEAT_EVERY_S):
                if self._clock() - started > float(job.timeout or 0) + _OVERTIME_S:
                    logger.critical("job=%s hangs and cannot be interrupted; ending", job.id)
                    os._exit(1)
                try:
                    self.maintain_heartbeats(job, execution)
                except RedisError as error:
                    self.log.warning("no heartbeat, Redis is away (%s)", type(error).__name__)

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_done.set()
            thread.join()


@contextmanager
def _alarm_put_off() -> Iterator[None]:
    """RQ's alarm that ends a job rings later by as much as the body takes."""
    handler = signal.getsignal(signal.SIGALRM)
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, left_s)
