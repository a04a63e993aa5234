"""What a worker does for a run: one chunk of it.

A prelabel run lists tasks and labels them. A learning run lists annotated tasks, collects their
masks, and in a last chunk learns from these.
"""

import logging
import time
from collections.abc import Sequence
from functools import partial

from redis.exceptions import RedisError

from core import Predictor
from worker import BATCH, LongJob, WorkerContext, current_context, do_long_job

from ..errors import BackendError, ModelConflict, ModelMissing, RunConflict, RunMissing
from ..job_resources import job_resources
from ..label_config import parse_label_config
from ..label_studio.account_store import AccountStore
from ..label_studio.client import LabelStudioClient
from ..task_labeler import LabelingPlan, TaskLabeler
from .chunk_hold import ChunkHold
from .chunk_pipeline import ChunkPipeline
from .chunk_tasks import ChunkTasks
from .chunk_work import ChunkWork
from .mask_collector import MaskCollector
from .page_listing import PageListing, make_closing
from .recent_yes import RecentYes
from .run import Chunk, Run, RunKind, RunState
from .run_store import RunStore, make_chunks, renew_chunk
from .task_outcomes import TaskOutcomes

logger = logging.getLogger(__name__)

_LIVES = 3
_REDIS_AWAY_S = 2.0
_DIED = (
    "a worker died over this task each of the last times; is the image too large for its "
    "memory? Look at the worker's log, then `esam runs retry-failed`"
)
_ALL_DIED = (
    "every worker that took a piece of this run died over it; look at the workers' logs, then "
    "`esam runs resume`"
)


def work_on_chunk(run_id: str, chunk_id: str) -> None:
    """List a page of a run's tasks, or label some of them.

    Safe to repeat, whenever it was interrupted: a chunk that is done is left alone, and a task that
    has its prediction is not predicted again.
    """
    context = current_context()
    store = RunStore(context.redis, work_on_chunk)
    try:
        run = store.find(run_id)
    except RunMissing:
        return
    chunk = store.find_chunk(run_id, chunk_id)
    if chunk is None or not store.is_running(run_id):
        return
    try:
        do_long_job(context, BATCH, partial(_do_work, run, chunk, store, context))
    except RedisError:
        logger.warning(
            "run=%s chunk=%s: Redis went away; it goes on when Redis is back", run_id, chunk_id
        )
        _wait_for_redis(context)
        left = store.find_chunk(run_id, chunk_id)  # it may have grown since
        if left is not None:
            store.complete_chunk(run, chunk_id, [renew_chunk(left)], is_at_front=True)
    except BackendError as error:
        logger.warning("run stopped run=%s reason=%s", run_id, error)
        store.stop(run_id, RunState.STOPPED, str(error))
    except Exception as error:  # the job's edge: a run that stands still would be worse
        logger.exception("run stopped run=%s", run_id)
        reason = f"a fault of this service ({type(error).__name__}); the worker's log says more"
        store.stop(run_id, RunState.STOPPED, reason)


def _do_work(run: Run, chunk: Chunk, store: RunStore, context: WorkerContext, job: LongJob) -> None:
    predictor = _find_predictor(run, context)
    client = job_resources().find_client(AccountStore(context.redis), run.account)
    if chunk.is_lesson:
        # What learns brings packages along that nobody else here needs.
        from .lesson_job import learn_from_project

        learn_from_project(run, chunk, store, client, context, predictor, job)
    elif chunk.page is not None:
        PageListing(run, store, client, TaskOutcomes(context.redis)).list_page(chunk)
    else:
        _work_on_tasks(run, chunk, store, client, context, predictor, job)


def stop_lost_run(run_id: str, chunk_id: str) -> None:
    """Stop a run one of whose chunks no worker survives: it would go on for ever."""
    logger.error("run stopped run=%s chunk=%s: every worker died over it", run_id, chunk_id)
    RunStore(current_context().redis, work_on_chunk).stop(run_id, RunState.STOPPED, _ALL_DIED)


def _find_predictor(run: Run, context: WorkerContext) -> Predictor:
    """The predictor that a run predicts with, whatever its project uses by now."""
    try:
        return job_resources().find_models(context).find_version(run.model_version)
    except (ModelMissing, ModelConflict) as error:
        raise RunConflict(
            f"a worker has the model {context.predictor.model_version!r}, this run predicts with "
            f"{run.model_version!r}; start all workers and the backend with the same model and "
            f"weights, then resume ({error})"
        ) from error


def _wait_for_redis(context: WorkerContext) -> None:
    while not context.is_stopping():
        try:
            context.redis.ping()
        except RedisError:
            time.sleep(_REDIS_AWAY_S)
        else:
            return


def _work_on_tasks(
    run: Run,
    chunk: Chunk,
    store: RunStore,
    client: LabelStudioClient,
    context: WorkerContext,
    predictor: Predictor,
    job: LongJob,
) -> None:
    outcomes = TaskOutcomes(context.redis)
    attempts = store.begin_chunk(run.id, chunk.id)
    # Who had it before cannot add to it from now on, and may have done so until now.
    chunk = store.find_chunk(run.id, chunk.id) or chunk
    if attempts > 1 and len(chunk.tasks) > 1:
        # A worker died over it, or seems to have. One by one, the task that kills harms no other.
        left = make_chunks(outcomes.keep_open(run.id, chunk.tasks), size=1, is_doubtful=True)
        store.complete_chunk(run, chunk.id, left, is_at_front=True, closing=make_closing(run))
        return
    if attempts > _LIVES - 1:
        for task_id in chunk.tasks:
            outcomes.record_failed(run.id, task_id, _DIED, "worker_died")
        store.complete_chunk(run, chunk.id, closing=make_closing(run))
        return
    hold = ChunkHold(store, run.id, chunk, attempts)

    goes_on = RecentYes(lambda: store.is_running(run.id) and hold.is_kept())

    def should_stop() -> bool:
        return job.should_stop() or not goes_on()

    work = ChunkWork(run, hold, context, client, job_resources().images, outcomes, job)
    if run.kind is RunKind.LEARNING:
        taken: Sequence[int] = chunk.tasks
        rest = MaskCollector(work).collect(taken, should_stop)
    else:
        tasks = ChunkTasks(hold, PageListing(run, store, client, outcomes), outcomes, should_stop)
        begun = ChunkPipeline(work, _make_labeler(run, predictor)).label(tasks, should_stop)
        taken = tasks.taken
        rest = [task_id for task_id in taken if task_id not in begun]
    if not hold.is_kept():
        logger.warning("run=%s chunk=%s: another has begun it; left to them", run.id, chunk.id)
        return
    following = make_chunks(rest, is_doubtful=chunk.is_doubtful)
    store.complete_chunk(run, chunk.id, following, is_at_front=True, closing=make_closing(run))
    done = len(taken) - len(rest)
    logger.info("run=%s chunk=%s tasks=%d handed_back=%d", run.id, chunk.id, done, len(rest))


def _make_labeler(run: Run, predictor: Predictor) -> TaskLabeler:
    plan = LabelingPlan(run.options.prompts, run.options.label, run.has_tiles)
    return TaskLabeler(predictor, parse_label_config(run.label_config), plan)
