"""What came of learning from a project, as people read it."""

from rich.table import Table

from .backend_answers import LessonReport, PromptFigures, Run
from .backend_options import say_command


def make_lesson_table(report: LessonReport) -> Table:
    """Mean IoU by kind of prompt, before and after."""
    table = Table(box=None)
    add_figure_columns(table, "after")
    for row in report.figures:
        table.add_row(row.prompt, *write_figures(row))
    return table


def add_figure_columns(table: Table, first: str) -> None:
    """Columns for what ``write_figures`` writes, behind one with this heading."""
    table.add_column(first, no_wrap=True)
    for heading in ("before", "now", "gain"):
        table.add_column(heading, justify="right")


def write_figures(row: PromptFigures) -> tuple[str, str, str]:
    """Before, after and gain."""
    return f"{row.before:.3f}", f"{row.after:.3f}", f"{row.after - row.before:+.3f}"


def describe_measured(report: LessonReport) -> str:
    """What the figures were measured on."""
    return (
        f"{report.masks:,} accepted masks on {report.images:,} images. Mean IoU on the "
        f"{report.held_out_masks:,} masks of {report.held_out_images:,} images that were held out:"
    )


def describe_lesson(backend_url: str, run: Run, report: LessonReport) -> list[str]:
    """What is used from now on, and what to do next."""
    if report.empty_masks:
        left_out = [f"{report.empty_masks:,} masks without a pixel were left out."]
    else:
        left_out = []
    if not report.is_better:
        return [
            *left_out,
            f"Not better: {report.reason}. Project {run.project} goes on with "
            f"{run.model_version}; accept more masks, and try again.",
        ]
    back = say_command(backend_url, f"models rollback --project {run.project}")
    return [
        *left_out,
        f"Better: {report.reason}. Project {run.project} uses {report.model_version} from now on.",
        f"  go back: {back}",
    ]
