"""The last chunk of a learning run: the decoder learns, and is used if it is better.

It goes in pieces of about a second. Between two of them it lets clicks pass, and looks whether the
worker shall end, whether more clicks come than may pass, and whether the run was cancelled; then it
hands the chunk back with the decoder so far in Redis, where the next one goes on. Half a minute of
work is lost at most when a worker is killed.
"""

import logging
import time
from collections.abc import Callable

from core import Predictor
from training import DecoderTrainingConfig, FineTuning, TooFewObjects
from worker import LongJob, WorkerContext

from ..job_resources import job_resources
from ..label_studio.client import LabelStudioClient
from ..models import Lesson, ProjectModels, PromptFigures
from .change_pictures import draw_pictures
from .chunk_hold import ChunkHold
from .lesson_images import LessonImages
from .lesson_report import LearningProgress, LessonReport
from .lesson_store import LessonStore
from .run import Chunk, Run, RunState
from .run_store import RunStore, make_chunks, make_lesson, renew_chunk
from .stored_objects import StoredTask
from .task_outcomes import TaskOutcomes

logger = logging.getLogger(__name__)

_TELL_EVERY_S = 1.0
_KEEP_EVERY_S = 30.0
_SLICE_S = 600.0


def learn_from_project(
    run: Run,
    chunk: Chunk,
    store: RunStore,
    client: LabelStudioClient,
    context: WorkerContext,
    in_use: Predictor,
    job: LongJob,
) -> None:
    """Learn from what was collected, until it is over or the job should stop.

    Args:
        run: a learning run.
        chunk: its lesson.
        store: where runs are.
        client: of the run's Label Studio.
        context: model and Redis of this worker process.
        in_use: what the project used when the run began; it has to be beaten.
        job: the worker's, that urgent ones pass.

    Raises:
        LabelStudioError: an image was needed again, and Label Studio is away or refuses the token.
    """
    lessons = LessonStore(context.redis)
    lost = lessons.find_lost(run.id, TaskOutcomes(context.redis).find_done(run.id))
    if lost:  # Redis had no room for them
        store.complete_chunk(run, chunk.id, make_chunks(lost), closing=make_lesson())
        return
    hold = ChunkHold(store, run.id, chunk, store.begin_chunk(run.id, chunk.id))
    tasks = lessons.load_tasks(run.id)
    images = LessonImages(run, tasks, client, context)
    objects = [found.unpack() for task in tasks for found in task.objects]
    try:
        config = DecoderTrainingConfig(steps=run.options.steps or DecoderTrainingConfig.steps)
        learning = FineTuning(context.predictor, in_use, objects, images.find_features, config)
    except TooFewObjects as error:
        advice = f"accept more and `esam runs resume {run.id}`"
        store.stop(run.id, RunState.STOPPED, f"{error}; {advice}")
        return
    kept = lessons.load_lesson(run.id)
    if kept is not None and not learning.restore(kept):
        logger.info("run=%s: masks or models changed; learning begins anew", run.id)
    apprentice = _Apprentice(run, store, lessons, hold, learning)
    if apprentice.work(job.should_stop):
        models = job_resources().find_models(context)
        report = _conclude(run, learning, tasks, images, lessons, models, in_use)
        store.save_report(run.id, report)
        store.complete_chunk(run, chunk.id)
        lessons.forget_lesson(run.id)
        logger.info("run=%s learned version=%s: %s", run.id, report.model_version, report.reason)
    elif hold.is_kept():
        store.complete_chunk(run, chunk.id, [renew_chunk(chunk)], is_at_front=True)


class _Apprentice:
    """Has a decoder learn, and says and keeps how far it is."""

    def __init__(
        self,
        run: Run,
        store: RunStore,
        lessons: LessonStore,
        hold: ChunkHold,
        learning: FineTuning,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._store = store
        self._lessons = lessons
        self._hold = hold
        self._learning = learning
        self._clock = clock

    def work(self, should_stop: Callable[[], bool]) -> bool:
        """Learn until it is over or it should stop, one piece at least; whether it is over."""
        started = kept_at = told_at = self._clock()
        self._tell()
        while not self._learning.is_over:
            self._learning.advance()
            now = self._clock()
            if now - told_at >= _TELL_EVERY_S:
                self._tell()
                told_at = now
            if not self._hold.is_kept():
                return False
            if should_stop() or not self._is_running() or now - started >= _SLICE_S:
                break
            if now - kept_at >= _KEEP_EVERY_S:
                self._keep()
                kept_at = self._clock()
        self._tell()
        self._keep()
        return self._learning.is_over and self._hold.is_kept() and self._is_running()

    def _is_running(self) -> bool:
        return self._store.is_running(self._run.id)

    def _keep(self) -> None:
        self._lessons.save_lesson(self._run.id, self._learning.save())

    def _tell(self) -> None:
        found = self._learning.progress
        progress = LearningProgress(
            phase=found.phase.value,
            done=found.done,
            total=found.total,
            tuning_iou=found.tuning_iou,
        )
        self._store.save_learning(self._run.id, progress)


def _conclude(
    run: Run,
    learning: FineTuning,
    tasks: list[StoredTask],
    images: LessonImages,
    lessons: LessonStore,
    models: ProjectModels,
    in_use: Predictor,
) -> LessonReport:
    """Draw what changed, and use the new decoder if it is better; safe to repeat."""
    comparison = learning.comparison
    figures = tuple(
        PromptFigures(prompt=row.prompt, before=row.before, after=row.after)
        for row in comparison.rows
    )
    objects = [found for task in tasks for found in task.objects]
    image_count = len({found.image for found in objects})
    version = None
    if comparison.is_better:
        lesson = Lesson(
            base_version=models.base.model_version,
            project=run.project_key,
            project_title=run.project_title,
            label_studio_url=run.label_studio_url,
            run=run.id,
            created_at=run.created_at,
            masks=len(objects),
            images=image_count,
            figures=figures,
        )
        version = models.store.add(learning.write(lesson.to_notes())).version
    drawn = draw_pictures(learning.changes, images, in_use, learning.learned)
    lessons.save_pictures(run.id, {picture.name: content for picture, content in drawn})
    if version is not None:
        models.use(run.project_key, version)
    return LessonReport(
        model_version=version,
        is_better=comparison.is_better,
        reason=comparison.reason,
        masks=len(objects),
        images=image_count,
        held_out_masks=comparison.objects,
        held_out_images=comparison.images,
        empty_masks=sum(task.empty_masks for task in tasks),
        figures=figures,
        pictures=tuple(picture for picture, _ in drawn),
    )
