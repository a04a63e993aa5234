"""Names in messages: enough of them to know what is meant, however many there are."""

from collections.abc import Iterable, Iterator
from itertools import islice

_MOST = 10
_MAX_CHARS = 60


def quote_names(names: Iterable[str]) -> str:
    """Names in quotes, separated by commas; what is too many is counted, what is too long cut."""
    every = iter(names)
    shown = ", ".join(_quote(name) for name in islice(every, _MOST))
    more = _count(every)
    return f"{shown} and {more:,} more" if more else shown


def _quote(name: str) -> str:
    return repr(name if len(name) <= _MAX_CHARS else name[:_MAX_CHARS] + "…")


def _count(rest: Iterator[str]) -> int:
    return sum(1 for _ in rest)
