"""Runs as people read them."""

from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .backend_answers import Run
from .progress_display import describe_rate, describe_time

_PIPED_WIDTH = 1000


def make_console() -> Console:
    """Stdout as wide as the terminal; wide where it goes into a file, so that nothing is cut."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPED_WIDTH)


def make_run_table(runs: tuple[Run, ...]) -> Table:
    """A row a run."""
    table = Table(box=None)
    table.add_column("run", no_wrap=True)
    for heading in ("project", "work", "state", "started"):
        table.add_column(heading)
    for heading in ("done", "of", "failed"):
        table.add_column(heading, justify="right")
    for run in runs:
        table.add_row(
            run.id,
            Text(describe_project(run)),
            run.work,
            run.state,
            describe_moment(run.created_at),
            f"{run.done:,}",
            f"{run.total:,}",
            f"{run.failed:,}",
        )
    return table


def make_run_facts(run: Run) -> Table:
    """Everything about one run, a line each."""
    table = Table(box=None, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _facts(run):
        if text:
            table.add_row(name, Text(text))
    return table


def describe_project(run: Run) -> str:
    """``3 Dogs``."""
    return f"{run.project} {run.project_title or ''}".strip()


def describe_moment(text: str | None) -> str:
    """An ISO time in local time, to the second; what is none stays as it is."""
    try:
        # Python 3.10 does not know the Z.
        moment = datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
    except ValueError:
        moment = None
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else text or ""


def _facts(run: Run) -> list[tuple[str, str]]:
    pace = [] if run.rate_per_s is None else [describe_rate(run.rate_per_s)]
    pace += [] if run.time_left_s is None else [f"{describe_time(run.time_left_s)} left"]
    return [
        ("run", run.id),
        ("state", f"{run.state}: {run.reason}" if run.reason else run.state),
        ("project", describe_project(run)),
        ("Label Studio", run.label_studio_url or ""),
        ("model version", run.model_version),
        ("work", run.work),
        ("started", describe_moment(run.created_at)),
        ("ended", describe_moment(run.finished_at)),
        ("done", f"{run.done:,} of {run.total:,}" + (f" ({', '.join(pace)})" if pace else "")),
        ("failed", f"{run.failed:,}"),
        ("nothing to work from", f"{run.skipped:,}"),
        ("predicted before", f"{run.already_predicted:,}" if run.kind == "prelabel" else ""),
    ]
