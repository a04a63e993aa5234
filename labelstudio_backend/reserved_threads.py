"""Threads that nobody else can take: for calls that must be answered while all others are busy."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

_Result = TypeVar("_Result")


class ReservedThreads:
    """A few threads for work that would hold up the event loop.

    Args:
        count: how many calls may be at work at a time.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, function: Callable[[], _Result]) -> _Result:
        """Call a function in one of the threads."""
        # Made where there is an event loop.
        self._limiter = self._limiter or anyio.CapacityLimiter(self._count)
        return await anyio.to_thread.run_sync(function, limiter=self._limiter)
