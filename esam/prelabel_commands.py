"""``esam prelabel`` and ``esam runs``: the tasks of a whole project, predicted by the backend."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .backend_answers import RunPlan
from .backend_client import DEFAULT_URL
from .backend_options import (
    BackendOption,
    NoWaitOption,
    ProjectOption,
    RunArgument,
    TokenOption,
    UrlOption,
    connect_backend,
    label_studio_fields,
    say_command,
)
from .box_file import read_box_file
from .errors import OptionInvalid
from .gallery_command import draw_gallery
from .json_output import JsonOption, say_json
from .lazy_commands import make_app
from .lesson_pictures import save_run_pictures
from .lesson_words import describe_measured, make_lesson_table
from .run_tables import make_console, make_run_facts, make_run_table
from .run_watch import (
    ask_run_and_failures,
    describe_start,
    go_on_with_run,
    make_failure_table,
)

runs_app = make_app(help="Runs over whole projects: see, stop and repeat.", no_args_is_help=True)
runs_app.command("gallery")(draw_gallery)
runs_app.command("pictures")(save_run_pictures)


class PromptSource(str, Enum):
    """What masks are predicted from when nobody clicks."""

    REGIONS = "regions"
    EVERYTHING = "everything"
    FILE = "file"


def prelabel(
    project: ProjectOption,
    prompts: Annotated[
        PromptSource | None,
        typer.Option(
            help="regions: the rectangles and keypoints that tasks have (default); "
            "everything: all masks of the image; file: the boxes of --boxes.",
            show_default=False,
        ),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(
            help="CSV or JSON of boxes by task or image, in pixels.",
            show_default=False,
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Of masks that no prompt names; default the output tag's first label."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many tasks.", min=1)] = None,
    view: Annotated[
        int | None,
        typer.Option(help="Only the tasks of this tab of the data manager: its id.", min=1),
    ] = None,
    filters: Annotated[
        str | None,
        typer.Option(
            "--filter", metavar="JSON", help="Only the tasks of a filter of the data manager."
        ),
    ] = None,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be predicted; start nothing.")
    ] = False,
    keep_embeddings: Annotated[
        bool,
        typer.Option("--keep-embeddings", help="So that the first click on each task is warm too."),
    ] = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
    token: TokenOption = None,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """Predict the tasks of a project that have no prediction of this model yet.

    The backend's workers do it; this command starts the run and watches it. Ctrl-C ends only that.

    ```sh
    esam prelabel --project 1 --dry-run                        # how many tasks would it be?
    esam prelabel --project 1                                  # boxes and points become masks
    esam prelabel --project 1 --prompts everything --limit 50
    esam prelabel --project 1 --prompts file --boxes boxes.csv --no-wait
    ```
    """
    if view is not None and filters is not None:
        raise OptionInvalid("give --view or --filter, not both; a view has its own filters")
    order: dict[str, object] = {
        "project": project,
        "prompts": _choose_prompts(prompts, boxes).value,
        "label": label,
        "limit": limit,
        "view": view,
        "filters": _read_filters(filters),
        "keep_embeddings": keep_embeddings,
        "boxes": _read_boxes(boxes) if boxes else None,
        "dry_run": False,
        **label_studio_fields(url, token),
    }
    with connect_backend(backend) as client:
        if is_dry_run:
            plan = client.plan_run(order)
            say_json(plan.model_dump(mode="json")) if as_json else typer.echo(_describe_plan(plan))
            return
        run = client.start_run(order)
        typer.echo(describe_start(run), err=as_json)
        go_on_with_run(client, run, is_watched=not no_wait, as_json=as_json)


@runs_app.command("list")
def list_runs(as_json: JsonOption = False, backend: BackendOption = DEFAULT_URL) -> None:
    """The runs there are, newest first."""
    with connect_backend(backend) as client:
        if as_json:
            say_json(client.ask("GET", "/runs"))
            return
        runs = client.list_runs()
    if runs:
        make_console().print(make_run_table(runs))
    else:
        typer.echo("no runs yet; `esam prelabel --project N` starts one")


@runs_app.command("show")
def show_run(
    run_id: RunArgument, as_json: JsonOption = False, backend: BackendOption = DEFAULT_URL
) -> None:
    """One run, and every task of it that failed."""
    with connect_backend(backend) as client:
        if as_json:
            say_json(ask_run_and_failures(client, run_id))
            return
        run = client.find_run(run_id)
        failures = client.find_failures(run_id).failures
    console = make_console()
    console.print(make_run_facts(run))
    if run.report:
        typer.echo(describe_measured(run.report))
        console.print(make_lesson_table(run.report))
    if failures:
        console.print("\nfailures:")
        console.print(make_failure_table(failures))
        typer.echo(f"\nonce more: {say_command(client.url, f'runs retry-failed {run_id}')}")


@runs_app.command("watch")
def watch_run(
    run_id: RunArgument, as_json: JsonOption = False, backend: BackendOption = DEFAULT_URL
) -> None:
    """See how far a run is until it is over; exit code 1 when tasks failed or it stopped."""
    with connect_backend(backend) as client:
        go_on_with_run(client, client.find_run(run_id), is_watched=True, as_json=as_json)


@runs_app.command("cancel")
def cancel_run(
    run_id: RunArgument, as_json: JsonOption = False, backend: BackendOption = DEFAULT_URL
) -> None:
    """Stop a run; what it predicted stays, and `esam runs resume` goes on with it."""
    with connect_backend(backend) as client:
        run = client.change_run(run_id, "cancel")
        if as_json:
            say_json(ask_run_and_failures(client, run_id))
            return
    typer.echo(f"run {run.id} {run.state}: {run.done:,} of {run.total:,} done")


@runs_app.command("resume")
def resume_run(
    run_id: RunArgument,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
    token: TokenOption = None,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """Go on with a run that stopped or was cancelled; nothing is predicted twice."""
    with connect_backend(backend) as client:
        run = client.change_run(run_id, "resume", label_studio_fields(url, token))
        go_on_with_run(client, run, is_watched=not no_wait, as_json=as_json)


@runs_app.command("retry-failed")
def retry_failed(
    run_id: RunArgument,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
    token: TokenOption = None,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """Predict the tasks of a run that failed once more."""
    with connect_backend(backend) as client:
        run = client.change_run(run_id, "retry-failed", label_studio_fields(url, token))
        go_on_with_run(client, run, is_watched=not no_wait, as_json=as_json)


def _choose_prompts(prompts: PromptSource | None, boxes: Path | None) -> PromptSource:
    if boxes and prompts not in (None, PromptSource.FILE):
        raise OptionInvalid(f"--boxes goes with --prompts file, not with {prompts.value}")
    if prompts is PromptSource.FILE and not boxes:
        raise OptionInvalid("--prompts file needs --boxes FILE, a CSV or JSON of boxes")
    return PromptSource.FILE if boxes else prompts or PromptSource.REGIONS


def _read_boxes(path: Path) -> list[dict[str, object]]:
    found = read_box_file(path)
    if found.skipped_names:
        names = ", ".join(map(repr, found.skipped_names))
        typer.echo(f"{path}: not used: {names}", err=True)
    return [box.to_json() for box in found.boxes]


def _read_filters(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    try:
        filters = json.loads(text)
    except ValueError as error:
        raise OptionInvalid(f"--filter is not JSON: {error}") from error
    if not isinstance(filters, dict):
        raise OptionInvalid(
            '--filter must be a JSON object such as {"conjunction": "and", "items": [...]}'
        )
    return filters


def _describe_plan(plan: RunPlan) -> str:
    title = f" {plan.project.title!r}" if plan.project.title else ""
    return (
        f"Project {plan.project.id}{title} has {plan.tasks:,} tasks: {plan.to_predict:,} would be "
        f"predicted by {plan.model_version}, {plan.already_predicted:,} have its prediction "
        "already. Nothing was started."
    )
