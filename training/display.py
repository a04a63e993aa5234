"""A live progress line for a training run."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from training.trainer import TrainingProgress


class TrainingDisplay:
    """Shows each step; use as a context and pass it as `on_progress`.

    Example:
        with TrainingDisplay() as display:
            train(config, on_progress=display)
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bar = Progress(
            TextColumn("[bold]training"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("training", total=1.0, figures="making the first scenes")

    def __enter__(self) -> TrainingDisplay:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, report: TrainingProgress) -> None:
        """Show where the run is."""
        figures = (
            f"step {report.step}  loss {report.loss:.3f}  IoU {report.chosen_iou:.3f}  "
            f"{report.step_s:.2f} s a step"
        )
        self._bar.update(self._task, completed=report.progress, figures=figures)
