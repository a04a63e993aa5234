"""Long work seen from afar: a live bar in a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

_LINE_EVERY_S = 5.0


@dataclass(frozen=True)
class Work:
    """How far something is.

    Attributes:
        handled: what is dealt with.
        total: what there is to deal with, as far as it is known.
        is_growing: whether more of it may be found.
        failed: of those handled, None where that cannot be told.
        rate_per_s: handled a second.
        time_left_s: seconds.
    """

    handled: int
    total: int
    is_growing: bool = False
    failed: int | None = None
    rate_per_s: float | None = None
    time_left_s: float | None = None


class Display(Protocol):
    """Where work is shown."""

    def show(self, work: Work) -> None:
        """Show how far it is."""

    def note(self, text: str) -> None:
        """Say something beside it; the same again is not repeated."""


@contextmanager
def open_display(title: str, console: Console | None = None) -> Iterator[Display]:
    """A display for as long as the work is watched.

    Args:
        title: what is worked on.
        console: where to show it; default stderr.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        display = LineDisplay(console, title)
        yield display
        display.finish()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, TextColumn("{task.fields[details]}"), console=console) as progress:
        yield LiveDisplay(progress, title)


class LiveDisplay:
    """A bar that moves."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._row = progress.add_task(escape(title), total=None, details="")
        self._last_note = ""

    def show(self, work: Work) -> None:
        """Move the bar."""
        self._last_note = ""
        # A bar whose end moves away would run backwards.
        total = None if work.is_growing else work.total
        self._progress.update(
            self._row, completed=work.handled, total=total, details=_describe(work)
        )

    def note(self, text: str) -> None:
        """A line above the bar."""
        if text != self._last_note:
            self._last_note = text
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LineDisplay:
    """Lines for a log: the first and the last, and one every few seconds between."""

    def __init__(
        self, console: Console, title: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._title = title
        self._clock = clock
        self._next_at = clock()
        self._shown: Work | None = None
        self._latest: Work | None = None
        self._last_note = ""

    def show(self, work: Work) -> None:
        """Write a line, if it is time for one and something changed."""
        self._latest = work
        self._last_note = ""
        if self._clock() >= self._next_at and work != self._shown:
            self._write(work)

    def finish(self) -> None:
        """Write the last state, if it was not written yet."""
        if self._latest is not None and self._latest != self._shown:
            self._write(self._latest)

    def note(self, text: str) -> None:
        """A line at once."""
        if text != self._last_note:
            self._last_note = text
            self._print(text)

    def _write(self, work: Work) -> None:
        self._print(f"{self._title}: {_describe(work)}")
        self._shown = work
        self._next_at = self._clock() + _LINE_EVERY_S

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def describe_rate(per_s: float) -> str:
    """``12.3/s``, or ``8.5/min`` where that says more."""
    return f"{per_s:.1f}/s" if per_s >= 1 else f"{60 * per_s:.1f}/min"


def describe_time(seconds: float) -> str:
    """``0:11:52``."""
    return str(timedelta(seconds=round(seconds)))


def _describe(work: Work) -> str:
    """``120 of 3,200+, 1 failed, 12.3/s, 0:04:10 left``; the plus where there may be more."""
    parts = [f"{work.handled:,} of {work.total:,}" + ("+" if work.is_growing else "")]
    if work.failed is not None:
        parts.append(f"{work.failed:,} failed")
    if work.rate_per_s is not None:
        parts.append(describe_rate(work.rate_per_s))
    if work.time_left_s is not None:
        parts.append(f"{describe_time(work.time_left_s)} left")
    return ", ".join(parts)
