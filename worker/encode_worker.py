"""The worker process: one device, one model loaded once, jobs one after the other."""

import logging

from rq import SimpleWorker
from rq.serializers import JSONSerializer

from . import jobs
from .keys import QUEUES
from .redis_connection import redis_errors_translated
from .settings import WorkerSettings

logger = logging.getLogger(__name__)

# How soon a killed worker is no longer counted as alive.
_WORKER_TTL_S = 45


def start_worker(settings: WorkerSettings) -> None:
    """Load the model and serve the queues, most urgent first, until SIGTERM or SIGINT.

    The job in hand is finished. RQ's ``SimpleWorker`` works in this process: its forking worker
    would copy the model into a child for each job, and cannot be used with CUDA.

    Raises:
        EfficientSAMError: model, weights or device cannot be used.
        RedisUnavailable: Redis cannot be reached.
    """
    redis = settings.connect()
    with redis_errors_translated(redis):
        redis.ping()  # before the model is loaded: it is the quicker of the two to go wrong
        predictor = settings.load()
        jobs.set_context(jobs.WorkerContext(predictor, redis))
        worker = SimpleWorker(
            list(QUEUES),
            connection=redis,
            serializer=JSONSerializer,
            worker_ttl=_WORKER_TTL_S,
            log_job_description=False,
        )
        logger.info(
            "worker ready: model=%s device=%s queues=%s",
            predictor.model_version, predictor.device, ",".join(QUEUES),
        )  # fmt: skip
        # Jobs log themselves in one line; RQ's four a job would drown it.
        worker.work(logging_level="WARNING")
