"""``esam status``: the backend and all that it works with, and what failed lately."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .backend_answers import (
    BackendStatus,
    CacheStatus,
    Queues,
    QueueStatus,
    RecentFailure,
    RedisStatus,
    WorkerStatus,
)
from .backend_client import DEFAULT_URL, BackendClient
from .backend_options import BackendOption, connect_backend
from .json_output import JsonOption, say_json
from .progress_display import describe_time
from .run_tables import describe_moment, make_console, make_run_table

_MIB = 1024 * 1024


def status(
    as_json: JsonOption = False,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """The backend's model, Redis, cache, queues, workers and runs; and what failed lately.

    ```sh
    esam status
    esam status --json | jq .queues
    ```
    """
    with connect_backend(backend) as client:
        if as_json:
            say_json(client.ask("GET", "/status"))
        else:
            _print_status(make_console(), client, client.find_status())


def _print_status(console: Console, client: BackendClient, status: BackendStatus) -> None:
    facts = Table(box=None, show_header=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, text in _facts(client, status):
        facts.add_row(name, Text(text))
    console.print(facts)
    console.print()
    console.print(_make_queue_table(status.queues))
    if status.workers:
        console.print()
        console.print(_make_worker_table(status.workers))
    if status.runs:
        console.print("\nruns that go on, or ended within a day:")
        console.print(make_run_table(status.runs))
    if status.failures:
        console.print("\nfailures, the latest first:")
        console.print(_make_failure_table(status.failures))


def _facts(client: BackendClient, status: BackendStatus) -> list[tuple[str, str]]:
    token = "with a token" if status.has_label_studio_token else "no token"
    return [
        ("backend", client.url),
        ("model version", status.model_version),
        ("without a click", status.prelabel or "not said"),
        ("Label Studio", f"{status.label_studio_url or 'what Label Studio says'}, {token}"),
        ("Redis", _describe_redis(status.redis)),
        ("embeddings", _describe_cache(status.cache)),
        ("images encoded", _describe_encoded(status.encoded_images)),
        ("workers", f"{len(status.workers)}" if status.workers else "none: start `esam worker`"),
        ("versions", ", ".join(f"{name} {text or '?'}" for name, text in status.versions.items())),
    ]


def _describe_redis(redis: RedisStatus) -> str:
    if not redis.is_reachable:
        return f"not reachable: {redis.detail or 'no reason given'}"
    used = (redis.used_memory_bytes or 0) / _MIB
    limit = f"{redis.maxmemory_bytes / _MIB:,.0f} MiB" if redis.maxmemory_bytes else "no limit"
    unsafe = "" if redis.has_queue_safe_eviction is not False else ", may evict the queues"
    return (
        f"{redis.version}, {used:,.0f} MiB of {limit} used, "
        f"evicts {redis.eviction_policy or 'unknown'}{unsafe}"
    )


def _describe_cache(cache: CacheStatus) -> str:
    asked = cache.process_hits + cache.redis_hits + cache.misses
    evicted = cache.process_evicted + (cache.redis_evicted or 0)
    return (
        f"{asked:,} asked for: {cache.process_hits:,} found here, {cache.redis_hits:,} in Redis, "
        f"{cache.misses:,} waited for; {cache.process_bytes / _MIB:,.0f} of "
        f"{cache.process_max_bytes / _MIB:,.0f} MiB kept here; {evicted:,} given up for room"
    )


def _describe_encoded(encoded_images: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} on {device}" for device, n in encoded_images.items()) or "none"


def _make_queue_table(queues: Queues) -> Table:
    table = Table("queue", box=None)
    for heading in ("waiting", "the oldest for", "running", "failed this week"):
        table.add_column(heading, justify="right")
    for name in Queues.model_fields:
        queue: QueueStatus = getattr(queues, name)
        oldest = describe_time(queue.oldest_s) if queue.oldest_s is not None else ""
        table.add_row(name, f"{queue.waiting:,}", oldest, f"{queue.running:,}", f"{queue.failed:,}")
    return table


def _make_worker_table(workers: tuple[WorkerStatus, ...]) -> Table:
    table = Table("worker", "state", "device", "dtype", "model version", "last heartbeat", box=None)
    for worker in workers:
        texts = (
            worker.process or worker.name,
            worker.state,
            worker.device,
            worker.dtype,
            worker.model_version,
            describe_moment(worker.last_heartbeat_at),
        )
        table.add_row(*(Text(text or "") for text in texts))
    return table


def _make_failure_table(failures: tuple[RecentFailure, ...]) -> Table:
    table = Table("last", "times", "project", "task", "reason", box=None)
    for failure in failures:
        texts = (
            describe_moment(failure.last_at),
            f"{failure.count:,}",
            "" if failure.project is None else failure.project,
            "" if failure.task is None else str(failure.task),
            failure.reason,
        )
        table.add_row(*(Text(text, overflow="fold") for text in texts))
    return table
