"""The doctor's checks of the backend, its Redis and its workers."""

from .backend_answers import BackendStatus, WorkerStatus
from .backend_client import BackendClient
from .findings import Found, Problem

_MIB = 1024 * 1024
_SET_POLICY = (
    "set it in redis.conf, or at once with `redis-cli config set maxmemory-policy volatile-lru`"
)


def check_backend(client: BackendClient) -> Found[BackendStatus]:
    """Whether the backend answers.

    Raises:
        BackendCallError: it does not, or not to us.
    """
    status = client.find_status()
    return Found(f"{client.url} answers with {status.model_version}", status)


def check_redis(status: BackendStatus) -> Found[BackendStatus]:
    """Whether the backend's Redis answers; the same status.

    Raises:
        Problem: it does not.
    """
    redis = status.redis
    if not redis.is_reachable:
        raise Problem(
            redis.detail or "the backend cannot reach it",
            "start Redis, or correct ESAM_REDIS_URL where the backend starts; `esam run` starts "
            "one of its own",
        )
    used = f"{(redis.used_memory_bytes or 0) / _MIB:,.0f} MiB used"
    return Found(f"version {redis.version or 'unknown'}, {used}", status)


def check_eviction(status: BackendStatus) -> Found[None]:
    """Whether Redis keeps what is on the queues when its memory is full.

    Raises:
        Problem: it does not.
    """
    redis = status.redis
    policy = f"maxmemory-policy {redis.eviction_policy or 'unknown'}"
    if redis.has_queue_safe_eviction is False:
        raise Problem(
            f"{policy} throws waiting jobs away when the memory is full",
            f"maxmemory-policy volatile-lru gives up embeddings instead: {_SET_POLICY}",
        )
    if not redis.maxmemory_bytes:
        return Found(
            f"{policy}, no memory limit",
            None,
            "embeddings fill the machine's memory in time: set maxmemory, such as 2gb",
        )
    text = f"{policy}, {redis.maxmemory_bytes / _MIB:,.0f} MiB at most"
    if redis.eviction_policy == "noeviction":
        return Found(
            text,
            None,
            "when the memory is full, every click and every job is refused; maxmemory-policy "
            f"volatile-lru gives up embeddings instead: {_SET_POLICY}",
        )
    return Found(text, None)


def check_workers(status: BackendStatus) -> Found[None]:
    """Whether there are workers, all of the backend's model.

    Raises:
        Problem: there are none, or some have another model.
    """
    if not status.workers:
        raise Problem("none is alive", "start one with `esam worker`; `esam run` starts one too")
    strangers = [worker for worker in status.workers if not _is_of_model(worker, status)]
    if strangers:
        named = ", ".join(f"{w.name} has {w.model_version}" for w in strangers)
        raise Problem(
            f"{named}, the backend has {status.model_version}",
            "start workers and backend with the same ESAM_MODEL and ESAM_WEIGHTS",
        )
    named = ", ".join(map(_describe_worker, status.workers))
    return Found(f"{len(status.workers)} alive: {named}", None)


def _describe_worker(worker: WorkerStatus) -> str:
    on = f"{worker.name} on {worker.device or 'an unknown device'}"
    return f"{on} in {worker.dtype}" if worker.dtype else on


def check_backends_label_studio(status: BackendStatus) -> Found[None]:
    """Whether the backend itself knows where Label Studio is, and has a token for it."""
    url = status.label_studio_url
    if url and status.has_label_studio_token:
        return Found(f"{url}, with a token", None)
    return Found(
        f"{url}, but no token" if url else "not set: the backend uses what Label Studio sends",
        None,
        "uploads and local files cannot be read after a restart until Label Studio connects "
        "again; start the backend with LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY",
    )


def _is_of_model(worker: WorkerStatus, status: BackendStatus) -> bool:
    if worker.embedding_identity and status.embedding_identity:
        return worker.embedding_identity == status.embedding_identity
    return worker.model_version == status.model_version
