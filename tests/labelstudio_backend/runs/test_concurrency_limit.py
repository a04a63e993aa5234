"""How many calls go out at a time, to servers of different kinds."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from labelstudio_backend.runs.concurrency_limit import CallTurns, ConcurrencyLimit

LEAST, MOST = 2, 8
ANSWER_S = 0.045


class RecordedLimit(ConcurrencyLimit):
    """Writes down what it is taught, and stays at one."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__(least, most)
        self.learned: list[tuple[float, bool]] = []

    def learn(self, spent_s: float, has_waited: bool) -> None:
        """Only written down."""
        self.learned.append((spent_s, has_waited))


def one_after_the_other(calls: int) -> float:
    """A server of one process, about as measured with Label Studio 1.23.2."""
    return max(0.049, calls * 0.0415)


def far_away(_: int) -> float:
    """A server that has room for all; the way there takes longer than the work."""
    return 0.1 + ANSWER_S


def of_four_processes(calls: int) -> float:
    return max(calls, 4) * ANSWER_S / 4 + 3 * ANSWER_S / 4


def call(
    limit: ConcurrencyLimit, answer_s: Callable[[int], float], *, has_waited: bool = True
) -> list[int]:
    """Limits after each of some hundred calls of a run that always has more to send."""
    limits = []
    for _ in range(400):
        limit.learn(answer_s(limit.limit), has_waited)
        limits.append(limit.limit)
    return limits


def test_a_server_that_does_one_after_the_other_is_given_two() -> None:
    # Measured: a third call brings no more predictions a second, and annotators wait longer.
    limits = call(ConcurrencyLimit(LEAST, MOST), one_after_the_other)
    assert set(limits[-100:]) == {2}


def test_a_server_that_is_far_away_is_given_as_many_as_there_are() -> None:
    limits = call(ConcurrencyLimit(LEAST, MOST), far_away)
    assert limits[-1] == MOST
    assert max(limits) == MOST


def test_a_server_of_some_processes_is_given_about_as_many() -> None:
    limits = call(ConcurrencyLimit(LEAST, MOST), of_four_processes)
    assert 4 <= min(limits[-100:]) <= max(limits[-100:]) <= 6


def test_it_begins_with_single_calls() -> None:
    assert call(ConcurrencyLimit(LEAST, MOST), far_away)[0] == 1


def test_a_server_that_others_begin_to_ask_is_given_fewer() -> None:
    limit = ConcurrencyLimit(LEAST, MOST)
    assert call(limit, far_away)[-1] == MOST
    assert call(limit, lambda _: 3 * far_away(0))[-1] == LEAST


def test_nothing_is_tried_where_no_call_waits_for_its_turn() -> None:
    assert call(ConcurrencyLimit(LEAST, MOST), far_away, has_waited=False)[-1] == LEAST


def test_a_call_waits_for_its_turn() -> None:
    limit = RecordedLimit(LEAST, MOST)
    turns = CallTurns(limit, lambda: 0.0)
    with ThreadPoolExecutor(1) as thread:
        with turns.turn():
            waits = thread.submit(lambda: _take(turns))
            with pytest.raises(TimeoutError):
                waits.result(timeout=0.1)
        waits.result(timeout=10)
    assert limit.learned == [(0.0, False), (0.0, True)]


def test_a_call_that_fails_ends_its_turn_and_teaches_nothing() -> None:
    now_s = 0.0
    limit = RecordedLimit(LEAST, MOST)
    turns = CallTurns(limit, lambda: now_s)
    with suppress(OSError), turns.turn():
        raise OSError("no answer")
    with turns.turn():
        now_s = 3.0
    assert limit.learned == [(3.0, False)]


def _take(turns: CallTurns) -> None:
    with turns.turn():
        pass
