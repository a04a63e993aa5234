"""Runs whose workers die, hang or are poisoned, and whose Redis hangs: nothing is doubled."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import pytest
from redis import Redis

from core import Predictor
from esam.redis_server import PrivateRedis
from labelstudio_backend import LabelStudioAccount
from labelstudio_backend.runs import RunOptions, RunService, RunState
from worker import EmbeddingClient, EncodeFailed, connect_redis

from ..label_studio_stand_in import LabelStudioStandIn
from ..poisoned_esam import KILLING_HW, RAISING_HW, make_noise
from ..redis_process import RedisProcess
from ..worker_processes import StartWorker, WorkerProcesses, miss_beats
from .detected_tasks import (
    add_tasks,
    assert_one_each,
    detect,
    make_jpeg,
    ours,
    wait_for_done,
    wait_until_over,
)

_TIMEOUT_S = 60.0


@pytest.fixture
def poisoned(
    redis: Redis, redis_server: PrivateRedis, nano_weights: Path
) -> Iterator[WorkerProcesses]:
    """Workers whose model some images are poison to."""
    workers = WorkerProcesses(redis, redis_server.url, nano_weights, "tests.poisoned_esam")
    yield workers
    workers.stop()


def add_poison(label_studio: LabelStudioStandIn, size_hw: tuple[int, int]) -> int:
    """A task with a box, on an image of this size."""
    image = label_studio.add_image("poison.png", make_noise(size_hw))
    (task_id,) = label_studio.add_tasks([{"image": image}])
    detect(label_studio, task_id, "Dog", size_hw=size_hw)
    return task_id


def wait_until(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_a_worker_killed_while_it_posts_has_stored_each_prediction_once(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 40, "Dog")
    first = start_worker()
    # It is stored, and nobody hears of it.
    label_studio.do_after_next("POST /api/predictions", first.kill)
    run = runs.start(1, account, RunOptions())
    first.wait(_TIMEOUT_S)
    stored = sum(len(ours(label_studio, t, predictor.model_version)) for t in task_ids)
    assert stored >= 1
    assert runs.find(run.id)[1].done < stored
    miss_beats(redis)
    start_worker()
    progress = wait_until_over(runs, run.id)
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 40, 0)
    assert_one_each(label_studio, task_ids, predictor)


def test_a_worker_that_hung_and_goes_on_stores_nothing_a_second_time(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 60, "Dog")
    hung = start_worker()
    run = runs.start(1, account, RunOptions())
    wait_for_done(runs, run.id, 3)
    hung.send_signal(signal.SIGSTOP)
    assert runs.find(run.id)[1].done < 50
    miss_beats(redis)
    start_worker()
    progress = wait_until_over(runs, run.id)
    hung.send_signal(signal.SIGCONT)
    # Both are at it again, so that whatever the first still had in hand is over.
    client = EmbeddingClient(redis, predictor.embedding_identity)
    for number in range(20):
        client.get_or_encode(make_jpeg(1000 + number))
    hung.terminate()
    assert hung.wait(_TIMEOUT_S) == 0
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 60, 0)
    assert_one_each(label_studio, task_ids, predictor)


def test_tasks_in_hand_when_a_run_was_cancelled_are_not_doubled_by_who_resumes_it(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 90, "Dog")
    for _ in range(2):
        start_worker()
    run = runs.start(1, account, RunOptions())
    for done in (3, 12, 21):
        wait_for_done(runs, run.id, done)
        runs.cancel(run.id)
        runs.resume(run.id)
    progress = wait_until_over(runs, run.id)
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 90, 0)
    assert_one_each(label_studio, task_ids, predictor)


def test_a_chunk_that_was_popped_in_the_moment_of_death_is_done_all_the_same(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 5, "Dog")
    run = runs.start(1, account, RunOptions())
    assert redis.lpop("rq:queue:batch") is not None, "as a worker takes it"
    start_worker()
    assert wait_until_over(runs, run.id).done == 5
    assert_one_each(label_studio, task_ids, predictor)


@pytest.mark.timeout(240)
def test_an_image_that_kills_workers_fails_with_its_reason_and_the_others_are_predicted(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    predictor: Predictor,
    poisoned: WorkerProcesses,
) -> None:
    good = add_tasks(label_studio, 6, "Dog")
    poison = add_poison(label_studio, KILLING_HW)
    more = add_tasks(label_studio, 6, "Dog")
    run = runs.start(1, account, RunOptions())
    deaths = 0
    worker = poisoned.start()
    while runs.find(run.id)[1].state is RunState.RUNNING:
        if worker.poll() is not None:
            deaths += 1
            miss_beats(redis)
            worker = poisoned.start()
        time.sleep(0.05)
    progress = runs.find(run.id)[1]
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 12, 1)
    assert (
        "a worker died over this task each of the last times" in runs.find_failures(run.id)[poison]
    )
    assert deaths == 3
    assert_one_each(label_studio, good + more, predictor)


@pytest.mark.timeout(240)
def test_a_click_whose_image_kills_workers_costs_a_run_no_task(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    predictor: Predictor,
    poisoned: WorkerProcesses,
) -> None:
    task_ids = add_tasks(label_studio, 60, "Dog")
    worker = poisoned.start()
    run = runs.start(1, account, RunOptions())
    wait_for_done(runs, run.id, 3)
    client = EmbeddingClient(redis, predictor.embedding_identity)
    with ThreadPoolExecutor() as threads:
        click = threads.submit(client.get_or_encode, make_noise(KILLING_HW))
        worker.wait(_TIMEOUT_S)
        assert runs.find(run.id)[1].done < 60, "it died in the midst of the run"
        while runs.find(run.id)[1].state is RunState.RUNNING or not click.done():
            if worker.poll() is not None:
                miss_beats(redis)
                worker = poisoned.start()
            time.sleep(0.05)
        with pytest.raises(EncodeFailed, match="died over it"):
            click.result()
    progress = runs.find(run.id)[1]
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 60, 0)
    assert_one_each(label_studio, task_ids, predictor)


def test_an_image_over_which_the_encoder_raises_fails_alone_and_with_the_reason(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    poisoned: WorkerProcesses,
) -> None:
    good = add_tasks(label_studio, 3, "Dog")
    poison = add_poison(label_studio, RAISING_HW)
    more = add_tasks(label_studio, 3, "Dog")
    worker = poisoned.start()
    run = runs.start(1, account, RunOptions())
    progress = wait_until_over(runs, run.id)
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 6, 1)
    assert "cudnn error: this image is poison" in runs.find_failures(run.id)[poison]
    assert worker.poll() is None
    assert_one_each(label_studio, good + more, predictor)


def test_a_run_whose_page_no_worker_survives_stops_with_the_reason(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    start_worker: StartWorker,
) -> None:
    add_tasks(label_studio, 2, "Dog")
    run = runs.start(1, account, RunOptions())
    started: Queue[subprocess.Popen[bytes]] = Queue()
    for _ in range(3):
        # Beforehand: a worker may ask before the test has heard that it is ready.
        label_studio.do_after_next("GET /api/tasks", lambda: started.get().kill())
        started.put(worker := start_worker())
        worker.wait(_TIMEOUT_S)
        miss_beats(redis)
    start_worker()
    progress = wait_until_over(runs, run.id)
    assert progress.state is RunState.STOPPED
    assert "every worker that took a piece of this run died over it" in (progress.reason or "")


def test_a_redis_that_hangs_in_the_middle_costs_no_task_its_outcome(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    predictor: Predictor,
    nano_weights: Path,
) -> None:
    task_ids = add_tasks(label_studio, 60, "Dog")
    with RedisProcess() as server, connect_redis(server.url) as client:
        workers = WorkerProcesses(client, server.url, nano_weights)
        worker = workers.start()
        runs = RunService(client, predictor)
        run = runs.start(1, account, RunOptions())
        wait_for_done(runs, run.id, 5)
        server.freeze()
        time.sleep(17)  # longer than the worker waits for an answer
        server.thaw()
        progress = wait_until_over(runs, run.id)
        assert worker.poll() is None
        workers.stop()
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 60, 0)
    assert_one_each(label_studio, task_ids, predictor)
