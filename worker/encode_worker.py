"""The worker process: one device, one model loaded once, jobs one after the other."""

import logging
from types import MappingProxyType

from redis import Redis
from redis.exceptions import RedisError

from core import Predictor

from . import jobs
from .context import WorkerContext, set_context
from .drain import Drain
from .keys import QUEUES
from .known_jobs import Jobs
from .redis_connection import describe_address, explain_redis_error, is_passing
from .rq_worker import EncodeWorker
from .settings import WorkerSettings

logger = logging.getLogger(__name__)

_REDIS_AWAY_S = 2.0
_IMAGES_AT_ONCE = 8
"""On an accelerator; on a CPU a batch takes as long as its images one after the other."""
_TELL_EVERY_S = 30.0


def start_worker(settings: WorkerSettings, more_jobs: Jobs = MappingProxyType({})) -> None:
    """Load the model and serve the queues, most urgent first, until SIGTERM or SIGINT.

    The job in hand is finished, or hands back what it has not begun; what takes longer than
    ``drain_timeout_s`` is given back. A Redis that is not there, or goes away, is waited for.

    Args:
        settings: model, device and Redis.
        more_jobs: those that are done beside this package's own; any other is refused.

    Raises:
        EfficientSAMError: model, weights or device cannot be used.
        RedisUnavailable: the Redis URL is malformed, or Redis refuses the password.
    """
    drain = Drain(settings.drain_timeout_s)
    drain.listen()
    redis = settings.connect()
    _wait_for_redis(redis, drain)  # before the model is loaded: it is the quicker to go wrong
    if drain.is_requested:
        return
    predictor = settings.load()
    while not drain.is_requested:
        try:
            _serve(redis, predictor, settings, more_jobs, drain)
        except RedisError as error:
            logger.warning("%s", explain_redis_error(error))
            drain.pause(_REDIS_AWAY_S)


def _wait_for_redis(redis: Redis, drain: Drain) -> None:
    """Return when Redis answers, or when the process shall end.

    Raises:
        RedisUnavailable: it refuses, and will go on to refuse.
    """
    waited_s = 0.0
    while not drain.is_requested:
        try:
            redis.ping()
        except RedisError as error:
            explained = explain_redis_error(error, f" at {describe_address(redis)}")
            if not is_passing(error):
                raise explained from error
            if waited_s % _TELL_EVERY_S == 0:
                logger.warning("waiting for Redis: %s", explained)
            drain.pause(_REDIS_AWAY_S)
            waited_s += _REDIS_AWAY_S
        else:
            return


def _serve(
    redis: Redis,
    predictor: Predictor,
    settings: WorkerSettings,
    more_jobs: Jobs,
    drain: Drain,
) -> None:
    """Work until the process shall end, or until Redis was away and is back.

    Raises:
        RedisError: Redis went away where nothing was in hand.
        RedisUnavailable: it is back, and refuses the password.
    """
    dtype = str(predictor.precision.encoder).removeprefix("torch.")
    worker = EncodeWorker(
        redis,
        {jobs.encode_image: None, **more_jobs},
        {
            "device": str(predictor.device),
            "dtype": dtype,
            "model_version": predictor.model_version,
            "embedding_identity": predictor.embedding_identity,
        },
        drain,
    )
    set_context(
        WorkerContext(
            predictor,
            redis,
            lambda: drain.is_requested,
            settings.embedding_dtype,
            settings.image_max_pixels,
            1 if predictor.device.type == "cpu" else _IMAGES_AT_ONCE,
            worker.do_urgent_jobs,
        )
    )
    drain.give_back = worker.give_back_jobs
    logger.info(
        "worker ready: model=%s device=%s dtype=%s queues=%s",
        predictor.model_version, predictor.device, dtype, ",".join(QUEUES),
    )  # fmt: skip
    # Jobs log themselves in one line; RQ's four a job would drown it.
    try:
        worker.work(logging_level="WARNING")
    except RedisError as error:
        logger.warning("%s", explain_redis_error(error))
    if drain.is_requested:
        return
    # RQ gives up when Redis fails it in the middle of a job.
    drain.pause(_REDIS_AWAY_S)
    _wait_for_redis(redis, drain)
    worker.give_back_jobs(is_life_lost=True)
