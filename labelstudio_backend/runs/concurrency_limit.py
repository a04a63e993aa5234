"""How many calls a server is given at a time: as many as it answers as soon as a single one.

A server that does one after the other, as Label Studio on one machine does, stores no more for
being given more, and annotators wait behind all that it was given. One that is far away, or has
many processes, answers each as soon as a single one, and two at a time would leave it idle.

Which of these it is shows in how long its answers take: of ``n`` calls that are always under way,
``n × (1 - fastest / usual time)`` wait at the server (Little's law). As TCP Vegas does with
packets, there is one call more while none waits, and one less when more than one does.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

_LEARN_FROM = 8
_FEW_WAIT = 0.75
_MANY_WAIT = 1.25


class ConcurrencyLimit:
    """Learns from calls how many a server should be given at a time.

    Args:
        least: never fewer than these, once the first calls were answered.
        most: never more than these.

    Attributes:
        limit: how many; one at first, so that it is known how soon a single call is answered.
    """

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most
        self.limit = 1
        self._fastest_s = float("inf")
        self._latest_s: list[float] = []
        self._has_waited = False

    def learn(self, spent_s: float, has_waited: bool) -> None:
        """Learn from a call that was answered.

        Args:
            spent_s: how long that took.
            has_waited: whether the call had to wait for its turn; where none has, more turns help
                nobody.
        """
        self._latest_s.append(spent_s)
        self._has_waited |= has_waited
        if len(self._latest_s) < _LEARN_FROM:
            return
        self._fastest_s = min(self._fastest_s, *self._latest_s)
        waiting = self.limit * (1 - self._fastest_s / statistics.median(self._latest_s))
        step = (waiting < _FEW_WAIT and self._has_waited) - (waiting > _MANY_WAIT)
        self.limit = max(self._least, min(self.limit + step, self._most))
        self._latest_s.clear()
        self._has_waited = False


class CallTurns:
    """Lets as many threads call a server as its limit says; the others wait. Safe between threads.

    Args:
        limit: learns from their calls.
        clock: monotonic seconds, fine enough for a call.
    """

    def __init__(
        self, limit: ConcurrencyLimit, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._calling = 0
        self._changed = Condition()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until this thread may call. The body is the call; a failed one teaches nothing."""
        with self._changed:
            has_waited = self._calling >= self._limit.limit
            while self._calling >= self._limit.limit:
                self._changed.wait()
            self._calling += 1
        started = self._clock()
        try:
            yield
        except BaseException:
            self._end()
            raise
        self._end((self._clock() - started, has_waited))

    def _end(self, learned: tuple[float, bool] | None = None) -> None:
        with self._changed:
            self._calling -= 1
            if learned is not None:
                self._limit.learn(*learned)
            self._changed.notify_all()
