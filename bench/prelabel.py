"""Whole projects: how near a run comes to what the encoder alone does, and whether it stays so.

``python -m bench.prelabel`` prints a Markdown table: a real Redis, one real worker process, and a
stand-in for Label Studio that serves JPEGs of 0.7 megapixels with the box of a detector each. What
the encoder does alone, on the same photos, decoded already, in a process of its own with the same
threads that wait as the product's do, is measured before the first run and after each: the ratio is
to the mean of the two measurements around a run. The rate of a run is that of predictions stored
after the first chunk. ``ms/task`` is the whole run's time, from the start until it is finished,
with what comes before the first prediction. Memory is resident, sampled once a second. Reads /proc:
Linux only.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from redis import Redis

from core import MODELS, load_predictor, read_image
from esam.processes import start_process, stop_process
from esam.redis_server import PrivateRedis
from esam.thread_policy import let_waiting_threads_sleep
from labelstudio_backend.runs import RunOptions, RunService, RunState
from labelstudio_backend.runs.run_store import CHUNK_TASKS
from worker import connect_redis, list_workers

from .label_studio_process import LabelStudioProcess, serve_label_studio
from .memory import sampling_memory
from .photos import make_photos
from .report import Row
from .smooth_model import make_smooth_weights

_SIZES = {"nano": (100, 1000, 10_000), "vitt": (100,)}
_ENCODE_FOR_S = 20.0
_WARM_UPS = 5
_MIB = 1 << 20
_POLL_S = 0.2
_START_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class RunFigures:
    """What was seen of one run.

    Attributes:
        tasks: of the project.
        spent_s: from the start until it was finished.
        images_per_s: stored predictions a second, without those of the first chunk.
        worker_bytes: resident memory of the worker, one value a second.
        redis_bytes: resident memory of Redis, one value a second.
    """

    tasks: int
    spent_s: float
    images_per_s: float
    worker_bytes: list[int]
    redis_bytes: list[int]


def measure_encoder(model: str, weights: Path, photos: Sequence[bytes]) -> float:
    """Images a second that the encoder does alone, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(_encode, (model, weights, photos))


def _encode(model: str, weights: Path, photos: Sequence[bytes]) -> float:
    predictor = load_predictor(model, weights)
    images = [read_image(photo) for photo in photos]
    for image in images[:_WARM_UPS]:
        predictor.encode(image)
    count, started = 0, time.perf_counter()
    while (spent_s := time.perf_counter() - started) < _ENCODE_FOR_S or count < len(images):
        predictor.encode(images[count % len(images)])
        count += 1
    return count / spent_s


def measure_run(
    runs: RunService, label_studio: LabelStudioProcess, tasks: int, worker: int, redis: int
) -> RunFigures:
    """Label a project.

    Args:
        runs: starts it.
        label_studio: where the project is.
        tasks: it has.
        worker: process id of the worker.
        redis: process id of Redis.
    """
    with sampling_memory([worker, redis]) as (worker_bytes, redis_bytes):
        started = time.monotonic()
        run = runs.start(1, label_studio.account, RunOptions())
        while (progress := runs.find(run.id)[1]).state is RunState.RUNNING:
            time.sleep(_POLL_S)
        spent_s = time.monotonic() - started
    stored = label_studio.find_times()
    if (progress.done, len(stored)) != (tasks, tasks):
        raise SystemExit(f"{len(stored)} of {tasks} predictions were stored: {progress}")
    steady = stored[CHUNK_TASKS:]
    rate = (len(steady) - 1) / (steady[-1] - steady[0])
    return RunFigures(tasks, spent_s, rate, worker_bytes, redis_bytes)


@contextmanager
def _serving_worker(model: str, weights: Path, redis_url: str, redis: Redis) -> Iterator[int]:
    """One worker process that is ready; its id."""
    environment = {**os.environ, "ESAM_REDIS_URL": redis_url, "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "esam", "worker"]
    process = start_process([*command, "--model", model, "--weights", str(weights)], environment)
    try:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not list_workers(redis):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the worker did not start")
            time.sleep(_POLL_S)
        yield process.pid
    finally:
        stop_process(process)


def _measure(model: str, sizes: Sequence[int]) -> Iterator[tuple[RunFigures, float, float]]:
    """The figures of each size with the encoder's images a second before and after."""
    photos = make_photos()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        weights = make_smooth_weights(folder, model)
        server = stack.enter_context(PrivateRedis())
        redis = connect_redis(server.url)
        stack.callback(redis.close)
        # Without tiles: they are encodes more than one an image.
        runs = RunService(redis, load_predictor(model, weights), has_tiles=False)
        worker = stack.enter_context(_serving_worker(model, weights, server.url, redis))
        before = measure_encoder(model, weights, photos)
        for tasks in sizes:
            with serve_label_studio(photos, tasks) as label_studio:
                figures = measure_run(runs, label_studio, tasks, worker, server.pid)
            after = measure_encoder(model, weights, photos)
            yield figures, before, after
            before = after


def measure_prelabel() -> Iterator[Row]:
    """Rows of both models, with small projects."""
    for model, tasks in (("nano", 1000), ("vitt", 70)):
        for figures, before, after in _measure(model, [tasks]):
            yield Row(
                f"prelabel.{model}", figures.images_per_s / statistics.mean((before, after)), "x",
                "more", 0.9,
                f"{tasks:,} tasks, {figures.images_per_s:.2f} images/s, beside the encoder "
                f"alone, {before:.2f} before and {after:.2f} after",
            )  # fmt: skip


def _show(figures: RunFigures, before: float, after: float) -> str:
    ratio = figures.images_per_s / statistics.mean((before, after))
    memory = [
        f"{x[0] / _MIB:.0f} / {max(x) / _MIB:.0f} / {x[-1] / _MIB:.0f}"
        for x in (figures.worker_bytes, figures.redis_bytes)
    ]
    return (
        f"| {figures.tasks:,} | {before:.2f} / {after:.2f} | {figures.images_per_s:.2f} "
        f"| {ratio:.2f} | {1000 * figures.spent_s / figures.tasks:.1f} | {' | '.join(memory)} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Runs beside the encoder alone.")
    parser.add_argument("--model", choices=list(MODELS), default="nano")
    parser.add_argument("--tasks", help="sizes of projects, such as 100,1000,10000")
    options = parser.parse_args()
    sizes = [int(x) for x in options.tasks.split(",")] if options.tasks else _SIZES[options.model]
    let_waiting_threads_sleep()  # the processes that are started import torch anew
    if min(sizes) < CHUNK_TASKS + 2:
        parser.error(f"the first {CHUNK_TASKS} tasks are left out: give more")
    print(f"{options.model}, {os.cpu_count()} cores, {torch.get_num_threads()} threads of torch\n")
    print(
        "| tasks | encoder before / after, images/s | run, images/s | ratio | ms/task "
        "| worker MiB start / most / end | Redis MiB start / most / end |\n" + 7 * "|---" + "|"
    )
    for figures, before, after in _measure(options.model, sizes):
        print(_show(figures, before, after), flush=True)


if __name__ == "__main__":
    main()
