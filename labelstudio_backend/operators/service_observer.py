"""Looks at the whole service without waiting long for any part of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from redis import Redis

from core import Predictor
from worker import EmbeddingLookups, RedisUnavailable

from ..runs import RunService
from .recent_failures import RecentFailures
from .redis_state import RedisState, read_redis_state


class EmbeddingCounts(Protocol):
    """Knows what was asked of the cache of embeddings, such as ``worker.EmbeddingClient``."""

    def read_lookups(self) -> EmbeddingLookups:
        """What was asked for so far."""


@dataclass(frozen=True)
class ServiceState:
    """The service at one moment.

    Attributes:
        model_version: of this process.
        embedding_identity: of the embeddings that it can decode.
        redis: what is in Redis; None when it cannot be used.
        redis_trouble: why it cannot be used.
        lookups: what this process asked of the cache of embeddings.
    """

    model_version: str
    embedding_identity: str
    redis: RedisState | None
    redis_trouble: str | None
    lookups: EmbeddingLookups


class ServiceObserver:
    """Looks at Redis and at this process. Safe between threads.

    Args:
        redis: a client of its own, that does not wait long: what is looked at may hang.
        predictor: this process's model.
        embeddings: counts what it is asked for.
        failures: what went wrong in this process lately.
        clock: unix time, seconds.

    Attributes:
        failures: likewise.
    """

    def __init__(
        self,
        redis: Redis,
        predictor: Predictor,
        embeddings: EmbeddingCounts,
        failures: RecentFailures,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.failures = failures
        self._redis = redis
        self._runs = RunService(redis, predictor)
        self._predictor = predictor
        self._embeddings = embeddings
        self._clock = clock

    def read(self) -> ServiceState:
        """How the service is now; a Redis that is away is part of it, not an error."""
        redis, trouble = None, None
        try:
            redis = read_redis_state(self._redis, self._runs, self._clock)
        except RedisUnavailable as error:
            trouble = str(error)
        return ServiceState(
            model_version=self._predictor.model_version,
            embedding_identity=self._predictor.embedding_identity,
            redis=redis,
            redis_trouble=trouble,
            lookups=self._embeddings.read_lookups(),
        )
