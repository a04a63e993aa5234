"""SIGTERM and SIGINT: the process ends between jobs, and in any case within a limit."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

logger = logging.getLogger(__name__)

_GLANCE_S = 0.2


def _give_nothing_back() -> None:
    """Nothing is held."""


class Drain:
    """Notes that this process shall end, and ends it when that takes too long.

    Attributes:
        is_requested: whether it shall end.
        give_back: gives back the work in hand; called when the limit is over or a second signal
            came, from a thread, right before the process ends.

    Args:
        limit_s: how long after the first signal the process may go on.
    """

    def __init__(self, limit_s: float) -> None:
        self.is_requested = False
        self.give_back: Callable[[], None] = _give_nothing_back
        self._limit_s = limit_s
        self._is_hurried = threading.Event()

    def listen(self) -> None:
        """Take the signals of this process; from its main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def pause(self, duration_s: float) -> None:
        """Sleep, but no longer than until the process shall end."""
        until = time.monotonic() + duration_s
        while not self.is_requested and (left_s := until - time.monotonic()) > 0:
            time.sleep(min(left_s, _GLANCE_S))

    def _note(self, number: int, frame: FrameType | None) -> None:
        # A handler runs in the middle of anything: nothing that asks Redis may happen here.
        if self.is_requested:
            self._is_hurried.set()
            return
        self.is_requested = True
        threading.Thread(target=self._end_in_time, name="drain", daemon=True).start()

    def _end_in_time(self) -> None:
        is_hurried = self._is_hurried.wait(self._limit_s)
        logger.warning(
            "stopping at once, %s; what is in hand is given back",
            "told so a second time" if is_hurried else f"not done after {self._limit_s:g} s",
        )
        try:
            self.give_back()
        except Exception:  # the process's edge: it ends in any case
            logger.exception("what was in hand could not be given back; it is found as lost")
        logging.shutdown()
        os._exit(0)
