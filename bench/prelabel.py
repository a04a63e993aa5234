"""Whole projects: how near a run comes to what the encoder alone does, and whether it stays so.

``python -m bench.prelabel`` prints a Markdown table: a real Redis, one real worker process, and a
stand-in for Label Studio that serves JPEGs of 0.7 megapixels with the box of a detector each. What
the encoder does alone, on the same photos, decoded already, is measured in a process of its own
with the same threads that wait as the product's do. The two take turns of some seconds, since a
shared machine is another one a minute later: the worker is stopped by a signal while it is the
encoder's turn, and the run's clock with it. The rate of a run is that of predictions stored after
the first chunk. With ``--round-trip-ms`` Label Studio is so far away, with ``--store-ms`` it takes
so long for a prediction that is posted. ``ms/task`` is the whole run's time, from the start until
it is finished, with what comes before the first prediction. Memory is resident, sampled once a
second. Reads /proc: Linux only.
"""

import argparse
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from core import MODELS, load_predictor, read_image
from esam.thread_policy import let_waiting_threads_sleep
from labelstudio_backend.runs import RunOptions, RunService, RunState
from labelstudio_backend.runs.run_store import CHUNK_TASKS
from tests.label_studio_stand_in import Distance

from .label_studio_process import HERE, LabelStudioProcess, serve_label_studio
from .memory import sampling_memory
from .photos import make_photos
from .piped_process import piped_process
from .report import Row
from .worker_process import serving_runs

_SIZES = {"nano": (100, 1000, 10_000), "vitt": (100,)}
_RUN_FOR_S = 4.0
_ENCODE_FOR_S = 2.0
_WARM_UPS = 5
_MIB = 1 << 20
_POLL_S = 0.1


@dataclass(frozen=True)
class RunFigures:
    """What was seen of one run.

    Attributes:
        tasks: of the project.
        spent_s: from the start until it was finished, without the encoder's turns.
        images_per_s: stored predictions a second, without those of the first chunk.
        encoded_per_s: images a second that the encoder alone did between.
        worker_bytes: resident memory of the worker, one value a second.
        redis_bytes: resident memory of Redis, one value a second.
    """

    tasks: int
    spent_s: float
    images_per_s: float
    encoded_per_s: float
    worker_bytes: list[int]
    redis_bytes: list[int]

    @property
    def ratio(self) -> float:
        """Of the run's images a second to the encoder's."""
        return self.images_per_s / self.encoded_per_s


class _Encoder:
    """The encoder alone, at the other end of a pipe; counts what it does in its turns."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._images = 0
        self._spent_s = 0.0

    @property
    def images_per_s(self) -> float:
        """Of all turns."""
        return self._images / self._spent_s

    def take_turn(self) -> None:
        """Encode for some seconds."""
        self._pipe.send(_ENCODE_FOR_S)
        images, spent_s = self._pipe.recv()
        self._images += images
        self._spent_s += spent_s


def _encode(pipe: Connection, model: str, weights: Path, photos: Sequence[bytes]) -> None:
    """Encode for as many seconds as is sent, and say how many images that were."""
    predictor = load_predictor(model, weights, dtype="auto")  # as the worker
    images = [read_image(photo) for photo in photos]
    for image in images[:_WARM_UPS]:
        predictor.encode(image)
    pipe.send("ready")
    while True:
        try:
            turn_s = pipe.recv()
        except EOFError:
            return
        count, started = 0, time.perf_counter()
        while (spent_s := time.perf_counter() - started) < turn_s:
            predictor.encode(images[count % len(images)])
            count += 1
        pipe.send((count, spent_s))


def measure_run(
    runs: RunService,
    label_studio: LabelStudioProcess,
    tasks: int,
    encoder: _Encoder,
    worker: int,
    redis: int,
) -> RunFigures:
    """Label a project.

    Args:
        runs: starts it.
        label_studio: where the project is.
        tasks: it has.
        encoder: whose turn it is now and then.
        worker: process id of the worker.
        redis: process id of Redis.
    """
    encoder.take_turn()  # a small project may be done before the first one between
    clock = _Clock()
    with sampling_memory([worker, redis]) as (worker_bytes, redis_bytes):
        run = runs.start(1, label_studio.account, RunOptions())
        while (progress := runs.find(run.id)[1]).state is RunState.RUNNING:
            time.sleep(_POLL_S)
            if clock.is_turn_over():
                with clock.standing_still(worker):
                    encoder.take_turn()
        spent_s = clock.find_s(time.time())
    stored = label_studio.find_times()
    if (progress.done, len(stored)) != (tasks, tasks):
        raise SystemExit(f"{len(stored)} of {tasks} predictions were stored: {progress}")
    first, *_, last = (clock.find_s(x) for x in stored[CHUNK_TASKS:])
    rate = (tasks - CHUNK_TASKS - 1) / (last - first)
    return RunFigures(tasks, spent_s, rate, encoder.images_per_s, worker_bytes, redis_bytes)


class _Clock:
    """A run's time, which stands still while its worker does."""

    def __init__(self) -> None:
        self._began = time.time()
        self._turn_began = self._began
        self._pauses: list[tuple[float, float]] = []

    def is_turn_over(self) -> bool:
        """Whether it is the encoder's turn."""
        return time.time() - self._turn_began > _RUN_FOR_S

    @contextmanager
    def standing_still(self, process: int) -> Iterator[None]:
        """Stop a process meanwhile."""
        stopped = time.time()
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)
            self._turn_began = time.time()
            self._pauses.append((stopped, self._turn_began))

    def find_s(self, unix_s: float) -> float:
        """Seconds of the run that had passed at a time."""
        stood = sum(max(0.0, min(unix_s, end) - begin) for begin, end in self._pauses)
        return unix_s - self._began - stood


def _measure(model: str, sizes: Sequence[int], distance: Distance = HERE) -> Iterator[RunFigures]:
    """The figures of each size."""
    photos = make_photos()
    with ExitStack() as stack:
        served = stack.enter_context(serving_runs(model))
        pipe = stack.enter_context(piped_process(_encode, model, served.weights, photos))
        pipe.recv()  # it is ready
        for tasks in sizes:
            encoder = _Encoder(pipe)
            with serve_label_studio(photos, tasks, distance) as label_studio:
                yield measure_run(
                    served.runs, label_studio, tasks, encoder, served.worker_pid, served.redis_pid
                )


def measure_prelabel() -> Iterator[Row]:
    """Rows of both models, with small projects."""
    for model, tasks in (("nano", 1000), ("vitt", 70)):
        for figures in _measure(model, [tasks]):
            yield Row(
                f"prelabel.{model}", figures.ratio, "x", "more", 0.9,
                f"{tasks:,} tasks, {figures.images_per_s:.2f} images/s, beside the encoder alone, "
                f"{figures.encoded_per_s:.2f}, in turns",
            )  # fmt: skip


def _show(figures: RunFigures) -> str:
    memory = [
        f"{x[0] / _MIB:.0f} / {max(x) / _MIB:.0f} / {x[-1] / _MIB:.0f}"
        for x in (figures.worker_bytes, figures.redis_bytes)
    ]
    return (
        f"| {figures.tasks:,} | {figures.encoded_per_s:.2f} | {figures.images_per_s:.2f} "
        f"| {figures.ratio:.2f} | {1000 * figures.spent_s / figures.tasks:.1f} "
        f"| {' | '.join(memory)} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Runs beside the encoder alone.")
    parser.add_argument("--model", choices=list(MODELS), default="nano")
    parser.add_argument("--tasks", help="sizes of projects, such as 100,1000,10000")
    parser.add_argument("--round-trip-ms", type=float, default=0.0, help="to Label Studio")
    parser.add_argument("--store-ms", type=float, default=0.0, help="that it stores a prediction")
    options = parser.parse_args()
    distance = Distance(options.round_trip_ms / 1000, options.store_ms / 1000)
    sizes = [int(x) for x in options.tasks.split(",")] if options.tasks else _SIZES[options.model]
    let_waiting_threads_sleep()  # the processes that are started import torch anew
    if min(sizes) < CHUNK_TASKS + 2:
        parser.error(f"the first {CHUNK_TASKS} tasks are left out: give more")
    print(f"{options.model}, {os.cpu_count()} cores, {torch.get_num_threads()} threads of torch\n")
    print(
        "| tasks | encoder alone, images/s | run, images/s | ratio | ms/task "
        "| worker MiB start / most / end | Redis MiB start / most / end |\n" + 7 * "|---" + "|"
    )
    for figures in _measure(options.model, sizes, distance):
        print(_show(figures), flush=True)


if __name__ == "__main__":
    main()
