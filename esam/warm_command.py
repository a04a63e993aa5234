"""``esam warm``: have a project's images encoded before anybody clicks."""

import time
from collections.abc import Callable
from typing import Annotated

import typer

from .backend_answers import BackendStatus, WarmOrder
from .backend_client import DEFAULT_URL, BackendClient
from .backend_options import (
    BackendOption,
    ProjectOption,
    TokenOption,
    UrlOption,
    connect_backend,
    label_studio_fields,
)
from .exit_codes import INTERRUPTED
from .json_output import JsonOption, say_json
from .polling import poll
from .progress_display import Display, Work, open_display


def warm(
    project: ProjectOption,
    limit: Annotated[int | None, typer.Option(help="At most so many tasks.", min=1)] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    token: TokenOption = None,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """Encode the images of a project, so that the first click on each task is answered at once.

    The workers do it while nobody clicks; this command watches their queue. Ctrl-C ends only that.

    ```sh
    esam warm --project 1
    ```
    """
    order = {"project": project, "limit": limit, **label_studio_fields(url, token)}
    with connect_backend(backend) as client:
        started = client.warm(order)
        typer.echo(_describe_start(started, limit is not None), err=as_json)
        try:
            _watch_queue(client)
        except KeyboardInterrupt:
            typer.echo("\nThe workers go on; `esam status` shows their queues.", err=as_json)
            raise typer.Exit(INTERRUPTED) from None
    typer.echo("the prefetch queue is empty", err=as_json)
    if as_json:
        say_json(started.model_dump(mode="json"))


def _watch_queue(client: BackendClient, clock: Callable[[], float] = time.monotonic) -> None:
    status = client.find_status()
    most = status.queues.prefetch.waiting
    if not most:
        return
    started_at = clock()
    with open_display("prefetch") as display:
        _show(display, status, most, 0.0)
        for answer in poll(client.find_status, display.note):
            # Others may put images on the same queue while it is watched.
            most = max(most, answer.queues.prefetch.waiting)
            _show(display, answer, most, clock() - started_at)
            if not answer.queues.prefetch.waiting:
                return


def _show(display: Display, status: BackendStatus, most: int, passed_s: float) -> None:
    waiting = status.queues.prefetch.waiting
    taken = most - waiting
    rate_per_s = taken / passed_s if passed_s and taken else None
    time_left_s = waiting / rate_per_s if rate_per_s and waiting else None
    display.show(Work(taken, most, rate_per_s=rate_per_s, time_left_s=time_left_s))
    if waiting and not status.workers:
        display.note("no worker is alive, so nothing is encoded: start one with `esam worker`")


def _describe_start(order: WarmOrder, has_limit: bool) -> str:
    text = (
        f"project {order.project}, {order.total:,} tasks; images to encode: {order.queued:,}; "
        f"warm or on the queue already: {order.already_warm_or_queued:,}"
    )
    left = order.total - order.queued - order.already_warm_or_queued
    return text + (f"; left out, the queue is full: {left:,}" if left > 0 and not has_limit else "")
