"""How long each stage of a prediction took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StageTimes:
    """Milliseconds by stage, in the order the stages began; a stage entered twice adds up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times_ms: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Measure the body, also when it raises."""
        started = self._clock()
        self._times_ms.setdefault(stage, 0.0)
        try:
            yield
        finally:
            self._times_ms[stage] += (self._clock() - started) * 1000

    def __str__(self) -> str:
        """Fields for the log, such as ``image_ms=12.0 decode_ms=80.1``."""
        return " ".join(f"{stage}_ms={ms:.1f}" for stage, ms in self._times_ms.items())
