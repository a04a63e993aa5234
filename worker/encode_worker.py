"""The worker process: one device, one model loaded once, jobs one after the other."""

import logging
import time
from collections.abc import Sequence

from redis import Redis
from redis.exceptions import RedisError

from core import Predictor

from . import jobs
from .context import WorkerContext, set_context
from .keys import QUEUES
from .known_jobs import JobFunction
from .redis_connection import redis_errors_translated
from .rq_worker import EncodeWorker
from .settings import WorkerSettings

logger = logging.getLogger(__name__)

_REDIS_AWAY_S = 2.0
_IMAGES_AT_ONCE = 8
"""On an accelerator; on a CPU a batch takes as long as its images one after the other."""


def start_worker(settings: WorkerSettings, more_jobs: Sequence[JobFunction] = ()) -> None:
    """Load the model and serve the queues, most urgent first, until SIGTERM or SIGINT.

    The job in hand is finished, or hands back what it has not begun. A Redis that goes away is
    waited for.

    Args:
        settings: model, device and Redis.
        more_jobs: what jobs may call beside this package's own; any other job is refused.

    Raises:
        EfficientSAMError: model, weights or device cannot be used.
        RedisUnavailable: Redis cannot be reached at the start.
    """
    redis = settings.connect()
    with redis_errors_translated(redis):
        redis.ping()  # before the model is loaded: it is the quicker of the two to go wrong
        predictor = settings.load()
    while True:
        try:
            _serve(redis, predictor, settings, more_jobs)
        except RedisError as error:
            logger.warning("Redis went away (%s); waiting for it", type(error).__name__)
            time.sleep(_REDIS_AWAY_S)
        else:
            return


def _serve(
    redis: Redis,
    predictor: Predictor,
    settings: WorkerSettings,
    more_jobs: Sequence[JobFunction],
) -> None:
    worker = EncodeWorker(
        redis,
        (jobs.encode_image, *more_jobs),
        {
            "device": str(predictor.device),
            "model_version": predictor.model_version,
            "embedding_identity": predictor.embedding_identity,
        },
    )
    set_context(
        WorkerContext(
            predictor,
            redis,
            lambda: worker.is_stop_requested,
            settings.embedding_dtype,
            settings.image_max_pixels,
            1 if predictor.device.type == "cpu" else _IMAGES_AT_ONCE,
        )
    )
    logger.info(
        "worker ready: model=%s device=%s queues=%s",
        predictor.model_version, predictor.device, ",".join(QUEUES),
    )  # fmt: skip
    # Jobs log themselves in one line; RQ's four a job would drown it.
    worker.work(logging_level="WARNING")
