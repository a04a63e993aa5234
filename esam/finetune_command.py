"""``esam finetune``: learn from what was accepted in a project."""

from pathlib import Path
from typing import Annotated

import typer

from .backend_client import DEFAULT_URL
from .backend_options import (
    BackendOption,
    NoWaitOption,
    ProjectOption,
    TokenOption,
    UrlOption,
    connect_backend,
    label_studio_fields,
)
from .json_output import JsonOption
from .lesson_pictures import save_pictures
from .run_watch import describe_start, follow_run, go_on_with_run


def finetune(
    project: ProjectOption,
    limit: Annotated[
        int | None, typer.Option(help="Learn from at most so many tasks.", min=1)
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="At most so many steps; it stops by itself before.", min=1, max=10_000),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the pictures of gains and losses go; default finetune-RUN.",
        ),
    ] = None,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
    token: TokenOption = None,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """Learn from the masks that were accepted in a project; used there if it is better.

    A worker does it between clicks; this command starts the run and watches it. Ctrl-C ends only
    that. A fifth of the images is held out and measured before and after. Exit code 1 when it is
    not better, and then nothing changes.

    ```sh
    esam finetune --project 1
    esam models rollback --project 1      # as it was before
    esam runs pictures ID --out changes/  # once more, of any such run
    ```
    """
    order: dict[str, object] = {
        "kind": "learning",
        "project": project,
        "limit": limit,
        "steps": steps,
        **label_studio_fields(url, token),
    }
    with connect_backend(backend) as client:
        run = client.start_run(order)
        typer.echo(describe_start(run), err=as_json)
        if no_wait:
            go_on_with_run(client, run, is_watched=False, as_json=as_json)
            return
        code = follow_run(client, run, as_json=as_json)
        run = client.find_run(run.id)
        if run.report is not None:
            folder = pictures or Path(f"finetune-{run.id}")
            typer.echo(save_pictures(client, run, folder), err=as_json)
    if code:
        raise typer.Exit(code)
