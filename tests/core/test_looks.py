"""Looks at several images that go on side by side."""

from collections.abc import Generator, Sequence

from core import MaskPrediction, PromptError, Seen, Tile, View, run_looks

_NOTHING: list[MaskPrediction] = []


def look(name: str, *rounds: int) -> Generator[list[View], list[Seen], str]:
    """Asks for so many views a round."""
    seen: list[int] = []
    for count in rounds:
        shown = yield [View(Tile(0, 0, 1 + n, 1), []) for n in range(count)]
        seen.append(len(shown))
    return f"{name} {seen}"


def refuse() -> Generator[list[View], list[Seen], str]:
    """Ends before it asks for anything."""
    raise PromptError("beside the image")
    yield []


class Eyes:
    """Sees nothing anywhere, and remembers what was asked for together."""

    def __init__(self, blind_to: int | None = None) -> None:
        self.asked: list[list[int]] = []
        self._blind_to = blind_to

    def __call__(self, views: Sequence[tuple[int, View]]) -> list[Seen | Exception]:
        self.asked.append([i for i, _ in views])
        return [ValueError("dark") if i == self._blind_to else _NOTHING for i, _ in views]


def test_views_of_all_are_seen_together_and_no_more_at_once_than_may_be() -> None:
    eyes = Eyes()
    ended = dict(run_looks([look("a", 1, 1), look("b", 3), look("c", 1, 2)], eyes, 4))
    assert ended == {0: "a [1, 1]", 1: "b [3]", 2: "c [1, 2]"}
    assert eyes.asked == [[0, 1, 1, 1], [2], [0, 2, 2]]


def test_what_ends_first_is_told_first() -> None:
    ended = [i for i, _ in run_looks([look("a", 1, 1), look("b"), look("c", 1)], Eyes(), 8)]
    assert ended == [1, 2, 0]


def test_a_look_that_fails_ends_no_other() -> None:
    ended = dict(run_looks([refuse(), look("b", 1)], Eyes(), 4))
    assert isinstance(ended[0], PromptError)
    assert ended[1] == "b [1]"


def test_a_view_that_cannot_be_seen_ends_its_look_alone() -> None:
    eyes = Eyes(blind_to=0)
    ended = list(run_looks([look("a", 3, 1), look("b", 2, 1)], eyes, 2))
    assert [i for i, _ in ended] == [0, 1]
    assert isinstance(ended[0][1], ValueError)
    assert ended[1][1] == "b [2, 1]"
    assert eyes.asked == [[0, 0], [1, 1], [1]], "its third view is not even looked at"


def test_no_looks_need_no_eyes() -> None:
    assert list(run_looks([], Eyes(), 4)) == []
