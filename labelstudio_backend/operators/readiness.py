"""Whether clicks can be answered now, and by what: for load balancers and for whoever starts it."""

from dataclasses import dataclass
from typing import Literal

from redis import Redis

from core import Predictor
from worker import RedisUnavailable, list_workers, redis_errors_translated

Encoder = Literal["workers", "this process", "nobody"]


@dataclass(frozen=True)
class Readiness:
    """The service's parts at one moment.

    Attributes:
        model_version: of the model that this process has loaded.
        is_redis_required: whether clicks need Redis and workers.
        redis_trouble: why Redis cannot be used; None when it can.
        workers: those alive whose embeddings this process can decode.
    """

    model_version: str
    is_redis_required: bool
    redis_trouble: str | None
    workers: int

    @property
    def encoder(self) -> Encoder:
        """Who encodes an image that is clicked on now."""
        if self.workers:
            return "workers"
        return "nobody" if self.is_redis_required else "this process"

    @property
    def is_ready(self) -> bool:
        """Whether a click on any image is answered."""
        return self.encoder != "nobody"


class ReadinessProbe:
    """Looks at what a click needs. Safe between threads.

    Args:
        redis: a client that does not wait long.
        predictor: this process's model.
        is_redis_required: whether clicks need Redis and workers.
    """

    def __init__(self, redis: Redis, predictor: Predictor, *, is_redis_required: bool) -> None:
        self._redis = redis
        self._predictor = predictor
        self._is_redis_required = is_redis_required

    def read(self) -> Readiness:
        """How it is now; a Redis that is away is part of it, not an error."""
        workers, trouble = 0, None
        identity = self._predictor.embedding_identity
        try:
            with redis_errors_translated(self._redis):
                found = list_workers(self._redis)
                workers = sum(worker.embedding_identity == identity for worker in found)
        except RedisUnavailable as error:
            trouble = str(error)
        return Readiness(
            model_version=self._predictor.model_version,
            is_redis_required=self._is_redis_required,
            redis_trouble=trouble,
            workers=workers,
        )


def describe_readiness(readiness: Readiness) -> dict[str, object]:
    """The answer to ``GET /ready``."""
    trouble, workers = readiness.redis_trouble, readiness.workers
    none = None if workers else "no worker with this model is alive; start one with `esam worker`"
    return {
        "is_ready": readiness.is_ready,
        "encoder": readiness.encoder,
        "model": {"is_ready": True, "detail": readiness.model_version},
        "redis": {
            "is_ready": trouble is None,
            "is_required": readiness.is_redis_required,
            "detail": trouble,
        },
        "workers": {
            "is_ready": workers > 0,
            "is_required": readiness.is_redis_required,
            "count": workers,
            "detail": (trouble and "not known: Redis cannot be used") or none,
        },
    }
