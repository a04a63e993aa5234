"""``esam status``: the backend, its Redis, workers and queues, and what failed lately."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .backend_answers import BackendStatus, RecentFailure, RedisStatus, WorkerStatus
from .backend_client import DEFAULT_URL, BackendClient
from .backend_options import BackendOption, connect_backend
from .run_tables import describe_moment, make_console

_MIB = 1024 * 1024


def status(
    as_json: Annotated[bool, typer.Option("--json", help="The backend's answer as JSON.")] = False,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """What the backend works with: model, Redis, workers, queues; and what failed lately."""
    with connect_backend(backend) as client:
        if as_json:
            typer.echo(json.dumps(client.ask("GET", "/status"), ensure_ascii=False))
        else:
            _print_status(make_console(), client, client.find_status())


def _print_status(console: Console, client: BackendClient, status: BackendStatus) -> None:
    facts = Table(box=None, show_header=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, text in _facts(client, status):
        facts.add_row(name, Text(text))
    console.print(facts)
    if status.workers:
        console.print()
        console.print(_make_worker_table(status.workers))
    if status.failures:
        console.print("\nfailures, the latest first:")
        console.print(_make_failure_table(status.failures))


def _facts(client: BackendClient, status: BackendStatus) -> list[tuple[str, str]]:
    waiting = status.queues
    token = "with a token" if status.has_label_studio_token else "no token"
    return [
        ("backend", client.url),
        ("model version", status.model_version),
        ("without a click", status.prelabel or "not said"),
        ("Label Studio", f"{status.label_studio_url or 'what Label Studio says'}, {token}"),
        ("Redis", _describe_redis(status.redis)),
        (
            "jobs waiting",
            f"{waiting.interactive:,} interactive, {waiting.prefetch:,} prefetch, "
            f"{waiting.batch:,} batch",
        ),
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


def _make_worker_table(workers: tuple[WorkerStatus, ...]) -> Table:
    table = Table("worker", "state", "device", "model version", box=None)
    for worker in workers:
        texts = (worker.name, worker.state, worker.device, worker.model_version)
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
