"""RQ's worker with a pulse: jobs of a worker that died are taken up within a minute.

RQ's ``SimpleWorker`` works in this process: its forking worker would copy the model into a child
for each job, and cannot be used with CUDA. But it beats once a job, so that RQ believes a killed
one alive until the job's timeout is over. This one beats all the time, from a thread.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from core import EfficientSAMError

from .errors import WorkerError
from .keys import QUEUES
from .known_jobs import JobFunction, make_job_class
from .request_id import REQUEST_ID_FIELD, choose_request_id, working_for

logger = logging.getLogger(__name__)

_BEAT_EVERY_S = 5.0
# How soon after its last beat a worker counts as dead. A busy machine may delay a beat.
_ALIVE_FOR_S = 25
# RQ waits for jobs this much shorter than its ``worker_ttl``, then looks after dead workers' jobs.
_RQ_MARGIN_S = 15
_LOOK_EVERY_S = 5


class EncodeWorker(SimpleWorker):
    """One worker process on the three queues.

    Args:
        redis: where the queues are.
        functions: the jobs it does.
        description: fields kept beside the worker in Redis, such as its device.
    """

    def __init__(
        self, redis: Redis, functions: Iterable[JobFunction], description: Mapping[str, str]
    ) -> None:
        self._description = description
        super().__init__(
            list(QUEUES),
            connection=redis,
            job_class=make_job_class(functions),
            serializer=JSONSerializer,
            worker_ttl=_LOOK_EVERY_S + _RQ_MARGIN_S,
            maintenance_interval=_LOOK_EVERY_S,
            log_job_description=False,
        )

    @property
    def is_stop_requested(self) -> bool:
        """Whether SIGTERM or SIGINT came."""
        return self._stop_requested

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Do a job in this process, beating meanwhile."""
        # RQ says so only after it has registered the job, and gives up for good a registered job
        # that is not started: one whose worker was killed between the two.
        job.set_status(JobStatus.STARTED)
        execution = self.prepare_execution(job)
        meta = job.meta if isinstance(job.meta, dict) else {}
        request_id = choose_request_id(meta.get(REQUEST_ID_FIELD))
        with self._beating(job, execution), working_for(request_id):
            self.perform_job(job, queue, execution)
        self.set_state(WorkerStatus.IDLE)

    def subscribe(self) -> None:
        """Listen to nobody: RQ's commands would let whoever may publish stop this worker."""

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that this worker is alive; RQ asks for longer times than we believe it."""
        super().heartbeat(_ALIVE_FOR_S, pipeline)
        connection = self.connection if pipeline is None else pipeline
        for name, value in self._description.items():
            connection.hset(self.key, name, value)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """How long a job without a beat counts as alive, seconds."""
        return _ALIVE_FOR_S

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

    @contextmanager
    def _beating(self, job: Job, execution: Execution) -> Iterator[None]:
        is_done = threading.Event()

        def beat() -> None:
            while not is_done.wait(_BEAT_EVERY_S):
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
