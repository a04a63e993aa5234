"""Asking the backend again and again, through its restarts."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from .errors import BackendAway

_Answer = TypeVar("_Answer")

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 1.5
_PAUSE_GROWTH = 1.3
_PATIENCE_S = 600.0


def poll(
    ask: Callable[[], _Answer],
    tell: Callable[[str], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[_Answer]:
    """The answers one after the other, with pauses that grow; ends when the caller stops asking.

    Args:
        ask: one question to the backend.
        tell: is handed a sentence each time that nothing usable answers.
        clock: monotonic seconds.
        sleep: waits for seconds.

    Raises:
        BackendAway: it stayed away for ten minutes.
    """
    pause_s, away_since = _FIRST_PAUSE_S, None
    while True:
        sleep(pause_s)
        pause_s = min(pause_s * _PAUSE_GROWTH, _LONGEST_PAUSE_S)
        try:
            answer = ask()
        except BackendAway as error:
            away_since = clock() if away_since is None else away_since
            if clock() - away_since > _PATIENCE_S:
                raise
            tell(f"waiting for the backend, which may be restarting: {error}")
        else:
            away_since = None
            yield answer
