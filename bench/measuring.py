"""Timing on shared machines: what is compared takes turns, and medians are kept."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Times of one thing.

    Attributes:
        median_ms: of all turns.
        low_ms: first quartile.
        high_ms: third quartile.
        count: turns.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    count: int


def summarise(times_ms: list[float]) -> Timing:
    """Median and quartiles of at least two times."""
    low, median, high = statistics.quantiles(times_ms, n=4, method="inclusive")
    return Timing(median, low, high, len(times_ms))


def take_turns(
    works: Mapping[str, Callable[[], object]], turns: int, warm_ups: int = 1
) -> dict[str, Timing]:
    """Time several works, one after the other in each turn, so that noise hits all alike."""
    for work in works.values():
        for _ in range(warm_ups):
            work()
    times_ms: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(turns):
        for name, work in works.items():
            times_ms[name].append(time_once(work))
    return {name: summarise(found) for name, found in times_ms.items()}


def time_once(work: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)
