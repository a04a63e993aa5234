"""How many predictions a real Label Studio should be given at a time.

``python -m bench.posting`` starts the Label Studio that ``make e2e`` installs, posts masks of
``nano`` by one, two, four and eight at a time and by as many as a run would, in turns, while
somebody opens one of the tasks again and again. It prints a Markdown table: predictions a second,
and how long the opening takes; medians of the rounds.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import httpx
from pydantic import SecretStr

from labelstudio_backend import LabelStudioAccount, LabelStudioClient
from labelstudio_backend.runs.chunk_pipeline import LEAST_POSTERS, MOST_POSTERS
from labelstudio_backend.runs.concurrency_limit import CallTurns, ConcurrencyLimit
from tests.e2e.label_studio import EXECUTABLE, LabelStudio

from .storing import list_task_ids, make_prediction, make_project

_AT_ONCE = (1, 2, 4, 8)
_LEARNED = "as many as a run"
_ROUNDS = 3
_PAUSE_S = 0.05

Turn = Callable[[], AbstractContextManager[None]]


@contextmanager
def opening_a_task(api: httpx.Client, task_id: int) -> Iterator[list[float]]:
    """Milliseconds that each opening of a task takes meanwhile."""
    is_over = threading.Event()
    spent_ms: list[float] = []

    def open_again() -> None:
        while not is_over.wait(_PAUSE_S):
            started = time.perf_counter()
            api.get(f"/api/tasks/{task_id}").raise_for_status()
            spent_ms.append(1000 * (time.perf_counter() - started))

    with ThreadPoolExecutor(1) as annotator:
        opening = annotator.submit(open_again)
        try:
            yield spent_ms
        finally:
            is_over.set()
        opening.result()


def post_each(post: Callable[[int], None], task_ids: list[int], at_once: int, turn: Turn) -> float:
    """Post a prediction for each task; predictions a second."""

    def post_in_turn(task_id: int) -> None:
        with turn():
            post(task_id)

    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as posters:
        for _ in posters.map(post_in_turn, task_ids):
            pass
    return len(task_ids) / (time.perf_counter() - started)


def measure(
    client: LabelStudioClient, api: httpx.Client, project: int, posts: int
) -> Iterator[tuple[str, float, float]]:
    """Of each number at a time: predictions a second, and milliseconds of an opening."""
    prediction = make_prediction()

    def post(task_id: int) -> None:
        client.post_prediction(task_id, project, prediction)

    opened, *task_ids = list_task_ids(client, project)
    ids = iter(task_ids)
    ways = {str(n): (n, nullcontext) for n in _AT_ONCE} | {
        _LEARNED: (MOST_POSTERS, CallTurns(ConcurrencyLimit(LEAST_POSTERS, MOST_POSTERS)).turn)
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    openings: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_ROUNDS):
        for name, (at_once, turn) in ways.items():
            some = [next(ids) for _ in range(posts)]
            with opening_a_task(api, opened) as spent_ms:
                rates[name].append(post_each(post, some, at_once, turn))
            openings[name].append(statistics.median(spent_ms))
    for name in ways:
        yield name, statistics.median(rates[name]), statistics.median(openings[name])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Predictions posted beside each other.")
    parser.add_argument("--posts", type=int, default=100, help="of each number at a time and round")
    options = parser.parse_args()
    if not EXECUTABLE.exists():
        parser.error("Label Studio is not installed here; `make e2e` does that")
    tasks = 1 + _ROUNDS * (len(_AT_ONCE) + 1) * options.posts
    with tempfile.TemporaryDirectory() as folder:
        label_studio = LabelStudio(Path(folder))
        label_studio.start()
        try:
            account = LabelStudioAccount(httpx.URL(label_studio.url), SecretStr(label_studio.token))
            project = make_project(label_studio.api, tasks)
            client = LabelStudioClient(account)
            print("| posts at a time | predictions a second | opening a task, ms |\n|---|---|---|")
            for name, per_s, opening_ms in measure(
                client, label_studio.api, project, options.posts
            ):
                print(f"| {name} | {per_s:.1f} | {opening_ms:.0f} |", flush=True)
            client.close()
        finally:
            label_studio.stop()


if __name__ == "__main__":
    main()
