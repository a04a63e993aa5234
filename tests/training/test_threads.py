"""The number of threads follows what is measured."""

from collections.abc import Iterator

import pytest
import torch

from training.threads import ThreadChooser


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def _choices(chooser: ThreadChooser, step_s: dict[int, float], steps: int) -> list[int]:
    chosen = []
    for _ in range(steps):
        count = chooser.start_step()
        chooser.end_step(step_s[count])
        chosen.append(count)
    return chosen


def test_the_faster_count_is_kept_and_the_other_tried_now_and_then() -> None:
    chosen = _choices(ThreadChooser(), {1: 1.0, 2: 2.0}, 60)
    assert chosen.count(1) > 50
    assert 2 in chosen[12:]


def test_the_choice_changes_when_the_load_does() -> None:
    chooser = ThreadChooser()
    _choices(chooser, {1: 1.0, 2: 2.0}, 30)
    later = _choices(chooser, {1: 1.0, 2: 0.6}, 120)
    assert later[-10:].count(2) >= 9


def test_a_fixed_count_is_never_changed() -> None:
    assert set(_choices(ThreadChooser(1), {1: 1.0, 2: 0.1}, 30)) == {1}
    assert torch.get_num_threads() == 1
