"""Learning from a project: real workers, a real Redis, and a Label Studio that stands in."""

import io
import time
from collections.abc import Callable

import pytest
from PIL import Image
from redis import Redis

from core import Predictor
from labelstudio_backend import LabelStudioAccount, ModelStore, RunConflict
from labelstudio_backend.redis_keys import run_key
from labelstudio_backend.runs import RunOptions, RunProgress, RunService, RunState
from labelstudio_backend.runs.lesson_store import LessonStore
from worker import EmbeddingClient, read_counters

from ..label_studio_stand_in import LabelStudioStandIn
from ..training.made_objects import draw_disc
from ..worker_processes import StartWorker, miss_beats
from .accepted_tasks import accept, add_accepted, make_brush
from .detected_tasks import make_jpeg, wait_until_over

FEW_STEPS = RunOptions(steps=2)
MANY_STEPS = RunOptions(steps=2_000)
_TIMEOUT_S = 100
pytestmark = pytest.mark.timeout(300)  # it learns, on a machine that does other things too


def wait_for(
    runs: RunService, run_id: str, is_reached: Callable[[RunProgress], bool]
) -> RunProgress:
    deadline = time.monotonic() + _TIMEOUT_S
    while not is_reached(progress := runs.find(run_id)[1]):
        assert progress.state is RunState.RUNNING, progress
        assert time.monotonic() < deadline, progress
        time.sleep(0.02)
    return progress


def has_learned(steps: int) -> Callable[[RunProgress], bool]:
    """Whether so many steps of learning are done."""
    return lambda progress: (
        progress.learning is not None
        and progress.learning.phase == "learning"
        and progress.learning.done >= steps
    )


def count_encoded(redis: Redis) -> float:
    counted = read_counters(redis)
    return sum(one.amount for one in counted if one.name == "encoded_images")


def test_what_is_not_better_is_not_kept_and_the_table_says_why(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    start_worker: StartWorker,
) -> None:
    add_accepted(label_studio, range(11))
    start_worker()
    run = runs.start_learning(1, account, FEW_STEPS)
    progress = wait_until_over(runs, run.id)
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 11, 0)
    report = progress.report
    assert report is not None
    assert (report.is_better, report.model_version) == (False, None)
    assert "mean IoU" in report.reason
    assert [row.prompt for row in report.figures][:2] == ["box", "1 click"]
    assert (report.masks, report.images) == (22, 11)
    assert (report.held_out_masks, report.held_out_images) == (4, 2)
    store = ModelStore(redis)
    assert store.list_models() == []
    assert store.find_used(run.project_key) is None
    assert count_encoded(redis) == 11, "each image once"
    for picture in report.pictures:
        content = runs.find_picture(run.id, picture.name)
        with Image.open(io.BytesIO(content)) as opened:
            assert opened.width > 3 * 64


def test_too_few_masks_are_said_and_more_of_them_go_on(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    start_worker: StartWorker,
) -> None:
    add_accepted(label_studio, range(6))
    start_worker()
    run = runs.start_learning(1, account, FEW_STEPS)
    progress = wait_until_over(runs, run.id)
    assert progress.state is RunState.STOPPED
    assert progress.reason is not None
    assert "12 accepted masks on 6 images are too few" in progress.reason
    add_accepted(label_studio, range(6, 11))
    runs.resume(run.id)
    again = wait_until_over(runs, run.id)
    assert (again.state, again.done) == (RunState.FINISHED, 11)


def test_tasks_that_cannot_be_learned_from_are_named_and_the_others_are_used(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    start_worker: StartWorker,
) -> None:
    task_ids = add_accepted(label_studio, range(16))
    annotations = label_studio.project.annotations
    first, empty, sizes, gone, cancelled, resized = task_ids[:6]
    regions = {t: annotations[t][0]["result"] for t in task_ids}
    _, mask = draw_disc(0)
    accept(label_studio, empty, [make_brush(0, mask & ~mask)])
    accept(label_studio, sizes, [regions[sizes][0], make_brush(9, mask[:32])])
    accept(label_studio, resized, [make_brush(0, mask[:, :48])])
    accept(label_studio, first, [*regions[first], make_brush(9, mask & ~mask)])
    annotations[cancelled][0]["was_cancelled"] = True
    label_studio.answer_next(rf"GET /data/upload/1/\w+-{gone - 1}.png", 404, times=2)
    start_worker()
    run = runs.start_learning(1, account, FEW_STEPS)
    progress = wait_until_over(runs, run.id)
    failures = runs.find_failures(run.id)
    assert (progress.state, progress.done, progress.skipped) == (RunState.FINISHED, 11, 1)
    assert sorted(failures) == sorted([empty, sizes, gone, resized])
    assert "none of its masks has a pixel" in failures[empty]
    assert "different sizes: 64×64 and 64×32 pixels" in failures[sizes]
    assert "gone (404)" in failures[gone]
    assert "of 48×64 pixels, and the image now has 64×64" in failures[resized]
    assert progress.report is not None
    assert (progress.report.empty_masks, progress.report.images) == (1, 11)


def test_one_run_at_a_time_learns_from_a_project(
    label_studio: LabelStudioStandIn, account: LabelStudioAccount, runs: RunService
) -> None:
    first = runs.start_learning(1, account)
    with pytest.raises(RunConflict, match=f"the run {first.id} learns from project 1 already"):
        runs.start_learning(1, account)
    runs.cancel(first.id)
    second = runs.start_learning(1, account)
    with pytest.raises(RunConflict, match=second.id):
        runs.resume(first.id)


def test_a_cancelled_run_goes_on_where_it_was_though_redis_gave_up_the_masks(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    start_worker: StartWorker,
) -> None:
    add_accepted(label_studio, range(11))
    start_worker()
    run = runs.start_learning(1, account, MANY_STEPS)
    wait_for(runs, run.id, has_learned(3))
    runs.cancel(run.id)
    wait_until_kept(redis, run.id)
    redis.delete(f"esam:run:{run.id}:objects")
    runs.resume(run.id)
    progress = wait_for(runs, run.id, lambda progress: progress.learning is not None)
    assert progress.learning is not None
    assert progress.learning.phase == "learning", "it was measured before already"
    assert progress.learning.done >= 3
    assert progress.done == 11
    assert count_encoded(redis) == 11, "no image twice"
    runs.cancel(run.id)


def test_a_click_comes_in_the_midst_of_a_lesson_that_goes_on(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    add_accepted(label_studio, range(11))
    start_worker()
    run = runs.start_learning(1, account, MANY_STEPS)
    before = wait_for(runs, run.id, has_learned(3))
    chunks = redis.hkeys(run_key(run.id, "chunks"))
    EmbeddingClient(redis, predictor.embedding_identity).get_or_encode(make_jpeg(99))
    assert runs.find(run.id)[1].state is RunState.RUNNING, "the click did not wait for its end"
    assert redis.hkeys(run_key(run.id, "chunks")) == chunks, "nothing was handed back"
    assert before.learning is not None
    wait_for(runs, run.id, has_learned(before.learning.done + 1))
    assert count_encoded(redis) == 12, "11 images and the click"
    runs.cancel(run.id)


def test_a_killed_worker_costs_what_was_learned_since_it_was_kept(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    start_worker: StartWorker,
) -> None:
    add_accepted(label_studio, range(11))
    worker = start_worker()
    run = runs.start_learning(1, account, MANY_STEPS)
    wait_for(runs, run.id, has_learned(3))
    runs.cancel(run.id)
    wait_until_kept(redis, run.id)
    kept = runs.find(run.id)[1].learning
    assert kept is not None
    runs.resume(run.id)
    wait_for(runs, run.id, has_learned(kept.done + 1))
    worker.kill()
    worker.wait()
    miss_beats(redis)
    redis.hdel(f"esam:run:{run.id}", "learning")
    start_worker()
    after = wait_for(runs, run.id, lambda progress: progress.learning is not None)
    assert after.learning is not None
    assert after.learning.done >= kept.done
    assert count_encoded(redis) == 11, "no image twice"
    runs.cancel(run.id)


def wait_until_kept(redis: Redis, run_id: str) -> None:
    """Wait until the worker has put its decoder down."""
    deadline = time.monotonic() + _TIMEOUT_S
    while LessonStore(redis).load_lesson(run_id) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
