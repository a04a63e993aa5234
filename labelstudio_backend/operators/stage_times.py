"""How long each stage of a prediction took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StageTimes:
    """Milliseconds by stage, in the order the stages began.

    A stage entered twice adds up, and one inside another counts for itself alone.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times_ms: dict[str, float] = {}
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Measure the body, also when it raises."""
        self._count_innermost()
        self._times_ms.setdefault(stage, 0.0)
        self._open.append(stage)
        try:
            yield
        finally:
            self._count_innermost()
            self._open.pop()

    def add(self, stage: str, spent_ms: float) -> None:
        """Add what another process measured; it lies within a stage of this one."""
        self._times_ms[stage] = self._times_ms.get(stage, 0.0) + spent_ms

    def _count_innermost(self) -> None:
        now = self._clock()
        if self._open:
            self._times_ms[self._open[-1]] += (now - self._since) * 1000
        self._since = now

    def read(self) -> dict[str, float]:
        """Milliseconds by stage so far."""
        return dict(self._times_ms)

    def log_fields(self) -> dict[str, float]:
        """The same for a log of fields."""
        return {f"{stage}_ms": round(ms, 1) for stage, ms in self._times_ms.items()}

    def __str__(self) -> str:
        """Fields for the log, such as ``image_ms=12.0 decode_ms=80.1``."""
        return " ".join(f"{stage}_ms={ms:.1f}" for stage, ms in self._times_ms.items())
