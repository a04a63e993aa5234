"""A run watched to its end, and what is said of it then."""

from functools import partial

import typer
from rich.table import Table
from rich.text import Text

from .backend_answers import Failure, Run
from .backend_client import BackendClient, run_path
from .backend_options import say_command
from .errors import BackendAway
from .exit_codes import INTERRUPTED, NOT_DONE
from .json_output import say_json
from .lesson_words import describe_lesson, describe_measured, make_lesson_table
from .polling import poll
from .progress_display import Work, describe_rate, open_display
from .run_tables import make_console

_SHOWN_FAILURES = 20
_HINTS = {
    "regions": "no task had a box or a keypoint to predict from; automatic masks need none: "
    "--prompts everything",
    "file": "no task was named by the file: it names them by their id, by the image as the task "
    "has it, or by the image's file name",
}


def follow_run(client: BackendClient, run: Run, *, as_json: bool = False) -> int:
    """Watch a run until it is over, and say what became of it.

    Args:
        client: of the backend that has it.
        run: as it is.
        as_json: whether it is said to programs.

    Returns:
        The command's exit code: 0 when all is done, 1 when tasks failed or the run did not come to
        its end, 130 when Ctrl-C ended the watching.

    Raises:
        BackendCallError: the backend refuses, or stays away for long.
    """
    try:
        run = _watch(client, run)
    except KeyboardInterrupt:
        typer.echo(f"\nThe run {run.id} goes on.\n" + say_next_commands(client, run), err=as_json)
        return INTERRUPTED
    except BackendAway as error:
        watch = say_command(client.url, f"runs watch {run.id}")
        raise BackendAway(f"{error}. The run {run.id} is kept; go on watching: {watch}") from error
    if as_json:
        say_json(ask_run_and_failures(client, run.id))
    else:
        failures = client.find_failures(run.id).failures if run.failed else ()
        _say_end(client, run, failures)
    return 0 if run.is_all_done else NOT_DONE


def go_on_with_run(client: BackendClient, run: Run, *, is_watched: bool, as_json: bool) -> None:
    """Watch a run to its end and leave with its exit code, or say how to watch it later.

    Raises:
        typer.Exit: it is not all done.
        BackendCallError: as ``follow_run``.
    """
    if not is_watched:
        typer.echo(say_next_commands(client, run), err=as_json)
        if as_json:
            say_json(ask_run_and_failures(client, run.id))
        return
    if code := follow_run(client, run, as_json=as_json):
        raise typer.Exit(code)


def describe_start(run: Run) -> str:
    """A run that begins, in a line."""
    project = f"{run.project} {run.project_title!r}" if run.project_title else str(run.project)
    at = f" at {run.label_studio_url}" if run.label_studio_url else ""
    return f"run {run.id}: project {project}{at}, {run.work}, {run.model_version}"


def say_next_commands(client: BackendClient, run: Run) -> str:
    """How to see or stop a run that goes on."""
    return (
        f"  watch it: {say_command(client.url, f'runs watch {run.id}')}\n"
        f"  stop it:  {say_command(client.url, f'runs cancel {run.id}')}"
    )


def ask_run_and_failures(client: BackendClient, run_id: str) -> dict[str, object]:
    """The run as the backend says it, with its failures in it."""
    merged: dict[str, object] = {}
    for path in (run_path(run_id), f"{run_path(run_id)}/failures"):
        answer = client.ask("GET", path)
        merged |= answer if isinstance(answer, dict) else {}
    return merged


def make_failure_table(failures: tuple[Failure, ...]) -> Table:
    """Task and reason, a row each."""
    table = Table(box=None)
    table.add_column("task", justify="right", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for failure in failures:
        table.add_row(str(failure.task), Text(failure.reason))
    return table


def _watch(client: BackendClient, run: Run) -> Run:
    with open_display(f"run {run.id}") as display:
        answers = poll(partial(client.find_run, run.id), display.note)
        display.show(_measure(run))
        phase = ""
        while not run.is_over:
            run = next(answers)
            if run.learning and run.learning.phase != phase and not run.is_over:
                phase = run.learning.phase
                display.note(f"run {run.id}: {phase}")
            display.show(_measure(run))
    return run


def _measure(run: Run) -> Work:
    if run.learning:
        return Work(handled=run.learning.done, total=run.learning.total)
    return Work(
        handled=run.handled,
        total=max(run.total, run.handled),
        is_growing=run.state == "planning",
        failed=run.failed,
        rate_per_s=run.rate_per_s,
        time_left_s=run.time_left_s,
    )


def _say_end(client: BackendClient, run: Run, failures: tuple[Failure, ...]) -> None:
    for line in _describe_end(client, run):
        typer.echo(line)
    if run.report:
        typer.echo(describe_measured(run.report))
        make_console().print(make_lesson_table(run.report))
        for line in describe_lesson(client.url, run, run.report):
            typer.echo(line)
    if not failures:
        return
    make_console().print(make_failure_table(failures[:_SHOWN_FAILURES]))
    more = f" ({len(failures)} of them)" if len(failures) > _SHOWN_FAILURES else ""
    typer.echo(f"  all{more}: {say_command(client.url, f'runs show {run.id}')}")
    typer.echo(f"  once more: {say_command(client.url, f'runs retry-failed {run.id}')}")


def _describe_end(client: BackendClient, run: Run) -> list[str]:
    is_learning = run.kind == "learning"
    what = "have masks to learn from" if is_learning else f"predicted by {run.model_version}"
    counts = [f"{run.done:,} of {run.total:,} tasks {what}"]
    counts += [f"{run.failed:,} {'left out' if is_learning else 'failed'}"] if run.failed else []
    if run.skipped:
        counts.append(
            f"{run.skipped:,} had nothing to {'learn' if is_learning else 'predict'} from"
        )
    if run.already_predicted:
        counts.append(f"{run.already_predicted:,} left out, predicted before")
    why = f" ({run.reason})" if run.reason else ""
    # Not the time since it was started: it may have lain still for days before a resume.
    is_paced = run.rate_per_s is not None and not is_learning
    pace = "" if run.rate_per_s is None or not is_paced else f" at {describe_rate(run.rate_per_s)}"
    lines = [f"Run {run.id} {run.state}{why}{pace}: {'; '.join(counts)}."]
    if run.state in ("stopped", "cancelled"):
        lines.append(f"  go on with it: {say_command(client.url, f'runs resume {run.id}')}")
    if run.skipped and not run.done:
        lines += [f"  {hint}" for source, hint in _HINTS.items() if source == run.prompts]
    return lines
