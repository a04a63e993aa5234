"""How many calls may be waited for at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import Overloaded


class CallLimit:
    """Turns away who comes when as many are here as may be. For one event loop.

    Args:
        most: how many may be here at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._here = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Be here for the body.

        Raises:
            Overloaded: as many are here as may be.
        """
        if self._here >= self._most:
            raise Overloaded(
                f"{self._here} predictions are waited for already; ask again later, and start more "
                "workers if this repeats (ESAM_MAX_WAITING is the bound)"
            )
        self._here += 1
        try:
            yield
        finally:
            self._here -= 1
