"""How long an answer is good for."""

from collections.abc import Iterator

import pytest

from labelstudio_backend.runs.recent_yes import RecentYes


class Asked:
    """A question with prepared answers, and a clock."""

    def __init__(self, *answers: bool) -> None:
        self._answers: Iterator[bool] = iter(answers)
        self.count = 0
        self.now_s = 1000.0
        self.recent = RecentYes(self._answer, lambda: self.now_s)

    def _answer(self) -> bool:
        self.count += 1
        return next(self._answers)


def test_a_yes_is_good_for_a_moment() -> None:
    asked = Asked(True, False)
    assert asked.recent()
    asked.now_s += 0.05
    assert asked.recent()
    assert asked.count == 1
    asked.now_s += 0.06
    assert not asked.recent()


def test_a_no_is_asked_again() -> None:
    asked = Asked(False, False, True)
    assert not asked.recent()
    assert not asked.recent()
    assert asked.recent()


@pytest.mark.parametrize("passed_s", [60, -60], ids=["frozen", "set back"])
def test_a_process_that_stood_still_asks_again(passed_s: float) -> None:
    asked = Asked(True, False)
    assert asked.recent()
    asked.now_s += passed_s
    assert not asked.recent()
