"""How the parts of the service are: Redis, workers, queues, versions, and what failed."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

from redis import Redis

from core import Predictor
from worker import RedisUnavailable, count_waiting_jobs, list_workers, redis_errors_translated

from .recent_failures import Failure, RecentFailures
from .settings import BackendSettings

# Queue keys have no expiry: a policy that evicts keys without one would lose jobs.
_QUEUE_SAFE = ("noeviction", "volatile-lru", "volatile-lfu", "volatile-ttl", "volatile-random")
_DISTRIBUTIONS = ("torch", "torchvision", "rq", "redis", "efficientsam-labelstudio")


def describe_service(
    redis: Redis, predictor: Predictor, settings: BackendSettings, failures: RecentFailures
) -> dict[str, object]:
    """What ``GET /status`` answers; a Redis that is away is part of it, not an error."""
    status: dict[str, object] = {
        "model_version": predictor.model_version,
        "embedding_identity": predictor.embedding_identity,
        "label_studio_url": settings.label_studio_url,
        "has_label_studio_token": settings.label_studio_api_key is not None,
        "prelabel": settings.prelabel,
        "versions": {name: _find_version(name) for name in _DISTRIBUTIONS}
        | {"python": python_version()},
        "failures": [_describe_failure(failure) for failure in failures.list()],
        "workers": [],
        "queues": {},
    }
    try:
        with redis_errors_translated(redis):
            return status | {
                "redis": _describe_redis(redis),
                "workers": [asdict(worker) for worker in list_workers(redis)],
                "queues": count_waiting_jobs(redis),
            }
    except RedisUnavailable as error:
        return status | {"redis": {"is_reachable": False, "detail": str(error)}}


def _describe_failure(failure: Failure) -> dict[str, object]:
    last_at = datetime.fromtimestamp(failure.last_at, tz=timezone.utc)
    return {
        "project": failure.project_id,
        "task": failure.task,
        "code": failure.code,
        "reason": failure.reason,
        "count": failure.count,
        "last_at": last_at.isoformat(timespec="seconds"),
    }


def _describe_redis(redis: Redis) -> dict[str, object]:
    info: Mapping[str, object] = redis.info()
    policy = str(info.get("maxmemory_policy", "unknown"))
    limit = info.get("maxmemory", 0)
    return {
        "is_reachable": True,
        "detail": None,
        "version": info.get("redis_version"),
        "eviction_policy": policy,
        "maxmemory_bytes": limit,
        "used_memory_bytes": info.get("used_memory", 0),
        "has_queue_safe_eviction": policy in _QUEUE_SAFE,
    }


def _find_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
