"""A question that is asked for every task, and need not be answered anew each time."""

import time
from collections.abc import Callable

_LASTS_S = 0.1


class RecentYes:
    """Answers yes for a moment after the last yes; a no is asked again. Safe between threads.

    Args:
        ask: the question, such as one to Redis.
        clock: unix time, seconds: it goes on while this process, or the machine, stands still.
    """

    def __init__(self, ask: Callable[[], bool], clock: Callable[[], float] = time.time) -> None:
        self._ask = ask
        self._clock = clock
        self._said_at = float("-inf")

    def __call__(self) -> bool:
        """The answer of a moment ago, or of now."""
        now = self._clock()
        if 0 <= now - self._said_at < _LASTS_S:  # clocks are set back, too
            return True
        is_so = self._ask()
        if is_so:
            self._said_at = now
        return is_so
