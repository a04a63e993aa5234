"""How the parts of the service are, as ``GET /status`` answers it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import version
from platform import python_version

from worker import WorkerStatus

from ..runs import describe_run
from ..settings import BackendSettings
from .recent_failures import Failure
from .redis_state import RedisState
from .service_observer import ServiceState

_DISTRIBUTIONS = ("torch", "torchvision", "rq", "redis", "efficientsam-labelstudio")


def describe_service(
    state: ServiceState, settings: BackendSettings, failures: Sequence[Failure], now: float
) -> dict[str, object]:
    """The answer; ``now`` is unix time, seconds."""
    redis = state.redis
    return {
        "model_version": state.model_version,
        "embedding_identity": state.embedding_identity,
        "label_studio_url": settings.label_studio_url,
        "has_label_studio_token": settings.label_studio_api_key is not None,
        "prelabel": settings.prelabel,
        "versions": {name: version(name) for name in _DISTRIBUTIONS} | {"python": python_version()},
        "redis": _describe_redis(redis)
        if redis
        else {"is_reachable": False, "detail": state.redis_trouble},
        "workers": [_describe_worker(worker) for worker in redis.workers] if redis else [],
        "queues": {name: asdict(queue) for name, queue in redis.queues.items()} if redis else {},
        "cache": asdict(state.lookups) | {"redis_evicted": redis.memory.evicted if redis else None},
        "encoded_images": _count_encoded_images(redis) if redis else {},
        "runs": [describe_run(*found, now) for found in redis.runs] if redis else [],
        "failures": [_describe_failure(failure) for failure in failures],
    }


def _describe_failure(failure: Failure) -> dict[str, object]:
    return {
        "project": failure.project_id,
        "task": failure.task,
        "code": failure.code,
        "reason": failure.reason,
        "count": failure.count,
        "last_at": _iso(failure.last_at),
    }


def _describe_redis(redis: RedisState) -> dict[str, object]:
    memory = redis.memory
    return {
        "is_reachable": True,
        "detail": None,
        "version": memory.version,
        "eviction_policy": memory.eviction_policy,
        "maxmemory_bytes": memory.max_bytes,
        "used_memory_bytes": memory.used_bytes,
        "has_queue_safe_eviction": memory.has_queue_safe_eviction,
    }


def _describe_worker(worker: WorkerStatus) -> dict[str, object]:
    return {
        "name": worker.name,
        "process": worker.process,
        "state": worker.state,
        "device": worker.device,
        "dtype": worker.dtype,
        "model_version": worker.model_version,
        "embedding_identity": worker.embedding_identity,
        "last_heartbeat_at": _iso(worker.last_heartbeat_at),
    }


def _count_encoded_images(redis: RedisState) -> dict[str, int]:
    """Images by device."""
    return {
        counted.labels.get("device", ""): int(counted.amount)
        for counted in redis.counters
        if counted.name == "encoded_images"
    }


def _iso(time_s: float | None) -> str | None:
    if time_s is None:
        return None
    return datetime.fromtimestamp(time_s, tz=timezone.utc).isoformat(timespec="seconds")
