"""What Redis says of itself and keeps for this product: memory, queues, workers, runs, counters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from redis import Redis

from worker import (
    Counted,
    QueueState,
    WorkerStatus,
    list_workers,
    read_counters,
    read_queues,
    redis_errors_translated,
)

from ..runs import Run, RunProgress, RunService

# Queue keys have no expiry: a policy that evicts keys without one would lose jobs.
_QUEUE_SAFE = ("noeviction", "volatile-lru", "volatile-lfu", "volatile-ttl", "volatile-random")
_LATEST_RUNS = 20
_ENDED_RUN_SHOWN_S = 24 * 3600


@dataclass(frozen=True)
class RedisMemory:
    """Redis itself.

    Attributes:
        version: of the server.
        eviction_policy: what it does when it is full.
        used_bytes: of its data.
        max_bytes: its bound; 0 where it has none.
        evicted: keys it gave up since it was started, to make room.
    """

    version: str
    eviction_policy: str
    used_bytes: int
    max_bytes: int
    evicted: int

    @property
    def has_queue_safe_eviction(self) -> bool:
        """Whether it never evicts a queue."""
        return self.eviction_policy in _QUEUE_SAFE


@dataclass(frozen=True)
class RedisState:
    """All of it, at one moment.

    Attributes:
        memory: Redis itself.
        queues: by name, the most urgent first.
        workers: those that are alive.
        runs: the latest that go on or ended within a day, newest first.
        counters: what workers counted.
    """

    memory: RedisMemory
    queues: Mapping[str, QueueState]
    workers: Sequence[WorkerStatus]
    runs: Sequence[tuple[Run, RunProgress]]
    counters: Sequence[Counted]


def read_redis_state(redis: Redis, runs: RunService, clock: Callable[[], float]) -> RedisState:
    """Look at Redis.

    Args:
        redis: a client that does not wait long.
        runs: on the same client.
        clock: unix time, seconds.

    Raises:
        RedisUnavailable: it cannot be reached, or does not answer.
    """
    with redis_errors_translated(redis):
        now = clock()
        return RedisState(
            memory=_read_memory(redis),
            queues=read_queues(redis, now),
            workers=list_workers(redis),
            runs=[
                (run, progress)
                for run, progress in runs.list_runs(_LATEST_RUNS)
                if progress.finished_at is None or now - progress.finished_at < _ENDED_RUN_SHOWN_S
            ],
            counters=read_counters(redis),
        )


def _read_memory(redis: Redis) -> RedisMemory:
    info: Mapping[str, object] = redis.info()
    return RedisMemory(
        version=str(info.get("redis_version", "unknown")),
        eviction_policy=str(info.get("maxmemory_policy", "unknown")),
        used_bytes=_as_int(info.get("used_memory")),
        max_bytes=_as_int(info.get("maxmemory")),
        evicted=_as_int(info.get("evicted_keys")),
    )


def _as_int(value: object) -> int:
    return value if isinstance(value, int) else 0
