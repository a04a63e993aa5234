"""How many threads a step should use on a machine that does other work at the same time.

A step is a chain of short parallel loops, each as slow as its slowest thread. Beside another busy
process two threads can then take twice as long as one; on an idle machine they take half. So both
are tried now and then, and the faster is kept.
"""

from __future__ import annotations

import torch

_TRY_EVERY_STEPS = 12
_MEMORY = 0.7


class ThreadChooser:
    """Keeps the recent seconds a step for one thread and for all threads."""

    def __init__(self, fixed: int = 0) -> None:
        """Choose freely, or always `fixed` threads if that is above 0."""
        counts = [fixed] if fixed else sorted({1, torch.get_num_threads()})
        self._step_s: dict[int, float | None] = dict.fromkeys(counts)
        self._steps = 0
        self._count = counts[-1]

    def start_step(self) -> int:
        """Set torch's threads for the next step; returns how many."""
        self._steps += 1
        self._count = self._fastest()
        if self._steps % _TRY_EVERY_STEPS == 0:
            self._count = next((c for c in self._step_s if c != self._count), self._count)
        torch.set_num_threads(self._count)
        return self._count

    def end_step(self, seconds: float) -> None:
        """Remember how long the step took."""
        known = self._step_s[self._count]
        mixed = seconds if known is None else _MEMORY * known + (1 - _MEMORY) * seconds
        self._step_s[self._count] = mixed

    def _fastest(self) -> int:
        """A count not tried yet, or the one with the shortest steps."""
        return min(self._step_s, key=lambda count: self._step_s[count] or 0.0)
