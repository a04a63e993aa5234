"""``esam runs gallery``: a page with what a run predicted."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from .backend_client import DEFAULT_URL
from .backend_options import (
    BackendOption,
    RunArgument,
    TokenOption,
    UrlOption,
    connect_backend,
    need_label_studio,
    say_command,
)
from .errors import EsamError
from .prediction_files import write_text


def draw_gallery(
    run_id: RunArgument,
    out: Annotated[Path, typer.Option(help="The page: one HTML file with all pictures in it.")],
    limit: Annotated[
        int, typer.Option(help="At most so many tasks, evenly spread over the run.", min=1)
    ] = 100,
    url: UrlOption = None,
    token: TokenOption = None,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """Draw what a run predicted, the lowest scores first.

    This command itself reads images and predictions from Label Studio, with your token.
    """
    with connect_backend(backend) as client:
        run = client.find_run(run_id)
        predicted = client.find_predicted(run_id)
        failures = client.find_failures(run_id).failures
        show = say_command(client.url, f"runs show {run_id}")
    if not predicted:
        raise EsamError(f"the run {run_id} has predicted no task so far; see `{show}`")
    base_url, key = need_label_studio(url or run.label_studio_url, token)
    from .run_gallery import make_account, make_gallery  # the other commands need no model

    with Progress(console=Console(stderr=True), transient=True) as progress:
        row = progress.add_task("drawing")
        page = make_gallery(
            run,
            predicted,
            failures,
            make_account(base_url, key),
            limit,
            lambda done, total: progress.update(row, completed=done, total=total),
        )
    write_text(page, out)
    typer.echo(f"{min(limit, len(predicted)):,} of {len(predicted):,} tasks\nwrote {out}")
