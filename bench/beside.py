"""First clicks beside a run: what an annotator waits for while a project is pre-labelled.

``python -m bench.beside`` has one real worker, a real Redis and a stand-in for Label Studio in a
process of its own. Images that nobody has seen are asked for one after the other, first with
nothing else running, then while a run labels a project: with a box each or, with
``--prompts everything``, with the whole grid of points. Prints a Markdown table; ``waits`` is what
a click takes longer than alone, in encodes.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from core import MODELS
from esam.thread_policy import let_waiting_threads_sleep
from labelstudio_backend import PromptSource
from labelstudio_backend.runs import RunOptions, RunState
from worker import EmbeddingClient

from .label_studio_process import serve_label_studio
from .photos import make_photos
from .report import Row
from .worker_process import serving_runs

_CLICKS = 30
_WARM_UPS = 3
_BETWEEN_S = (0.5, 1.5)
_TASKS = {PromptSource.REGIONS: 5000, PromptSource.EVERYTHING: 500}
_START_TIMEOUT_S = 120.0
_POLL_S = 0.1


@dataclass(frozen=True)
class Waits:
    """What first clicks took, milliseconds each.

    Attributes:
        alone_ms: with nothing else running.
        beside_ms: while the run went on.
        encode_ms: what the encode of one took alone.
        tasks_per_s: of the run meanwhile.
    """

    alone_ms: list[float]
    beside_ms: list[float]
    encode_ms: float
    tasks_per_s: float

    @property
    def wait_encodes(self) -> float:
        """How much longer a click took beside the run, in encodes."""
        longer_ms = statistics.median(self.beside_ms) - statistics.median(self.alone_ms)
        return longer_ms / self.encode_ms


def measure_waits(model: str, prompts: PromptSource, clicks: int) -> Waits:
    """Click beside a run of a model.

    Args:
        model: its name.
        prompts: what the run labels its tasks with.
        clicks: how many, alone and beside the run.
    """
    rng = np.random.default_rng()
    photos = make_photos()
    with ExitStack() as stack:
        served = stack.enter_context(serving_runs(model))
        runs = served.runs
        label_studio = stack.enter_context(serve_label_studio(photos, _TASKS[prompts]))
        client = EmbeddingClient(served.redis, served.predictor.embedding_identity)

        def click() -> tuple[float, float]:
            """Milliseconds of a click, and of its encode."""
            # What follows the end of a JPEG is not read: another file with the same pixels.
            image = photos[rng.integers(len(photos))] + rng.bytes(16)
            stages: dict[str, float] = {}
            started = time.perf_counter()
            client.get_or_encode(image, on_encoded=stages.update)
            spent_ms = 1000 * (time.perf_counter() - started)
            time.sleep(rng.uniform(*_BETWEEN_S))
            return spent_ms, stages["encode"]

        for _ in range(_WARM_UPS):
            click()
        alone = [click() for _ in range(clicks)]
        run = runs.start(1, label_studio.account, RunOptions(prompts=prompts))
        _wait_until(lambda: runs.find(run.id)[1].done > 0)
        before, started = runs.find(run.id)[1].done, time.perf_counter()
        beside = [click() for _ in range(clicks)]
        progress = runs.find(run.id)[1]
        if progress.state is not RunState.RUNNING:
            raise SystemExit(f"the run was over before the clicks were: {progress}")
        spent_s = time.perf_counter() - started
        runs.cancel(run.id)
    return Waits(
        [ms for ms, _ in alone],
        [ms for ms, _ in beside],
        statistics.median(ms for _, ms in alone),
        (progress.done - before) / spent_s,
    )


def measure_beside() -> Iterator[Row]:
    """Rows of both models."""
    for model, clicks in (("nano", _CLICKS), ("vitt", 8)):
        waits = measure_waits(model, PromptSource.REGIONS, clicks)
        yield Row(
            f"click.beside_run.{model}", waits.wait_encodes, "x", "less", 1.0,
            "what a first click takes longer than alone while a run goes on, in encodes; "
            f"{statistics.median(waits.alone_ms):.0f} and "
            f"{statistics.median(waits.beside_ms):.0f} ms",
        )  # fmt: skip


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit("the run did not begin")
        time.sleep(_POLL_S)


def _show(times_ms: Sequence[float]) -> str:
    return f"{statistics.median(times_ms):.0f} / {max(times_ms):.0f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="First clicks beside a run.")
    parser.add_argument("--model", default="nano", choices=sorted(MODELS))
    parser.add_argument(
        "--prompts", default="regions", choices=[source.value for source in _TASKS],
        help="what the run labels its tasks with",
    )  # fmt: skip
    parser.add_argument("--clicks", type=int, default=_CLICKS)
    options = parser.parse_args()
    print("| model, run | alone, median / most ms | beside | waits, encodes | run, tasks/s |")
    print("|---|---|---|---|---|")
    waits = measure_waits(options.model, PromptSource(options.prompts), options.clicks)
    print(
        f"| `{options.model}`, {options.prompts} | {_show(waits.alone_ms)} | "
        f"{_show(waits.beside_ms)} | {waits.wait_encodes:.1f} | {waits.tasks_per_s:.2f} |"
    )


if __name__ == "__main__":
    let_waiting_threads_sleep()
    main()
