"""Tasks that come without a click: "Retrieve predictions", and a task that is opened.

Label Studio waits 100 s and keeps nothing of an answer that fails. So few tasks are answered while
it waits, what is left when the time is spent goes to a run in the background, and a task that fails
costs no other its answer.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum

from core import Predictor
from worker import PREFETCH, EncodeTimeout, RequestThreads, WorkerError

from .background import BackgroundRuns, WarmStart
from .errors import (
    BackendError,
    LabelConfigInvalid,
    RequestInvalid,
    is_fault,
    translate_error,
)
from .label_config import parse_label_config
from .label_studio.account import LabelStudioAccount
from .labeled_task import Prediction
from .operators.recent_failures import RecentFailures
from .operators.stage_times import StageTimes
from .protocol import PredictRequest, Task
from .settings import Prelabel
from .task_labeler import LabelingPlan, TaskLabeler
from .task_predictor import Attempt, AttemptSubject, TaskPredictor
from .task_prompts import PromptSource, find_image_source

logger = logging.getLogger(__name__)

INLINE_TASKS = 25
"""The most tasks that are answered while Label Studio waits."""

BATCH_BUDGET_S = 60.0
"""How long they may take together; leaves time for the answers to be written and read."""

_THREADS = 4


class _Unpredicted(Enum):
    """Why there is no prediction of a task."""

    NOTHING = "there is nothing to predict from"
    EMPTY = "its masks are empty"
    FAILED = "it failed"
    LEFT = "the time was spent"


@dataclass(frozen=True)
class _Batch:
    """What the tasks of one call have in common."""

    project: str | None
    labeler: TaskLabeler
    account: LabelStudioAccount | None
    deadline: float

    def make_attempt(self, task: Task, clock: Callable[[], float]) -> Attempt:
        subject = AttemptSubject(task.id, self.project)
        return Attempt(subject, self.account, self.deadline, PREFETCH, StageTimes(clock))


class BatchPredictor:
    """Answers calls without a click. Safe between threads.

    Args:
        find_predictor: the decoder that a project uses.
        tasks: predicts the single tasks.
        prelabel: where prompts come from.
        failures: remembers why tasks have no prediction.
        has_tiles: whether what is small in an image is looked at in a tile of it.
        background: takes over what Label Studio cannot wait for; without it, that is not predicted.
        warm_start: encodes the image of an opened task that has nothing to predict from.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        find_predictor: Callable[[str | None], Predictor],
        tasks: TaskPredictor,
        prelabel: Prelabel,
        failures: RecentFailures,
        has_tiles: bool = True,
        background: BackgroundRuns | None = None,
        warm_start: WarmStart | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find_predictor = find_predictor
        self._tasks = tasks
        self._prelabel = prelabel
        self._failures = failures
        self._has_tiles = has_tiles
        self._background = background
        self._warm_start = warm_start
        self._clock = clock

    def predict(
        self, request: PredictRequest, account: LabelStudioAccount | None
    ) -> list[Prediction | list[Prediction]]:
        """Predict what can be predicted in time, and have the rest done in the background.

        Args:
            request: a call without a context.
            account: the project's Label Studio.

        Returns:
            One entry a task, in order: a prediction, or ``[]`` where there is none; or nothing at
            all when there are so many tasks that all of them are done in the background.

        Raises:
            BackendError: none of the tasks can be predicted; which kind says why.
        """
        if self._prelabel == "off":
            self._warm_single(request, account)
            return [[] for _ in request.tasks]
        if len(request.tasks) > INLINE_TASKS:
            self._start_run(request.project, request.tasks, account)
            return []
        outcomes = self._predict_inline(request, account, PromptSource(self._prelabel))
        if outcomes == [_Unpredicted.NOTHING]:
            self._warm_single(request, account)
        return [[] if isinstance(outcome, _Unpredicted) else outcome for outcome in outcomes]

    def _predict_inline(
        self, request: PredictRequest, account: LabelStudioAccount | None, prompts: PromptSource
    ) -> list[Prediction | _Unpredicted]:
        deadline = self._clock() + BATCH_BUDGET_S
        config = parse_label_config(request.label_config)
        plan = LabelingPlan(prompts, has_tiles=self._has_tiles)
        labeler = TaskLabeler(self._find_predictor(request.project), config, plan)
        batch = _Batch(request.project, labeler, account, deadline)
        with _open_pool() as pool:
            running = [pool.submit(self._predict_task, batch, task) for task in request.tasks]
            wait(running, timeout=BATCH_BUDGET_S)
        outcomes = [_read_outcome(future) for future in running]
        paired = zip(request.tasks, outcomes, strict=True)
        left = [task for task, outcome in paired if outcome is _Unpredicted.LEFT]
        if left:
            self._start_run_of_rest(request.project, left, account)
        return outcomes

    def _predict_task(self, batch: _Batch, task: Task) -> Prediction | _Unpredicted:
        """Predict one task; what goes wrong is told in the log, and the others go on."""
        attempt = batch.make_attempt(task, self._clock)
        try:
            return self._attempt_task(batch, task, attempt)
        except Exception as error:  # the edge of a thread: above it, nobody knows the task
            if isinstance(error, EncodeTimeout) and self._is_spent(batch):
                return _Unpredicted.LEFT
            reason = translate_error(error)
            logger.warning(
                "no prediction %s code=%s detail=%.2000r", attempt, reason.code, reason.detail,
                exc_info=is_fault(error),
            )  # fmt: skip
            self._failures.record(batch.project, task.id, reason)
            return _Unpredicted.FAILED

    def _attempt_task(
        self, batch: _Batch, task: Task, attempt: Attempt
    ) -> Prediction | _Unpredicted:
        if self._is_spent(batch):
            return _Unpredicted.LEFT
        prompt = batch.labeler.find_prompt(task)
        if prompt is None:
            return _Unpredicted.NOTHING
        return self._tasks.predict(batch.labeler, prompt, attempt) or _Unpredicted.EMPTY

    def _is_spent(self, batch: _Batch) -> bool:
        return self._clock() >= batch.deadline

    def _start_run(
        self, project: str | None, tasks: Sequence[Task], account: LabelStudioAccount | None
    ) -> None:
        """Hand tasks over.

        Raises:
            BackendError: the background cannot take them.
        """
        if self._background is None:
            logger.warning(
                "no prediction project=%.40r tasks=%d: too many to answer in time, and nothing "
                "here works in the background; use `esam prelabel`", project, len(tasks),
            )  # fmt: skip
            return
        # An id that is no number comes from no Label Studio, and its API would not find the task.
        task_ids = [task.id for task in tasks if isinstance(task.id, int)]
        try:
            self._background.label_tasks(project, task_ids, account)
        except WorkerError as error:
            raise translate_error(error) from error
        logger.info("handed to the background project=%.40r tasks=%d", project, len(task_ids))

    def _start_run_of_rest(
        self, project: str | None, left: Sequence[Task], account: LabelStudioAccount | None
    ) -> None:
        try:
            self._start_run(project, left, account)
        except BackendError as error:  # the predictions that are there are worth more
            logger.warning(
                "no prediction project=%.40r tasks=%d code=%s detail=%.2000r",
                project, len(left), error.code, error.detail,
            )  # fmt: skip
            self._failures.record(project, None, error)

    def _warm_single(self, request: PredictRequest, account: LabelStudioAccount | None) -> None:
        """Have the images of an opened task encoded: its first click comes soon."""
        if self._warm_start is None or len(request.tasks) != 1:
            return
        task = request.tasks[0]
        images = find_click_images(request.tasks, request.label_config)
        try:
            if images:
                self._warm_start.warm(account, images)
        except (BackendError, WorkerError) as error:  # a cold start is no failure
            logger.warning("no warm start task=%.40r reason=%.2000r", task.id, str(error))


def find_click_images(
    tasks: Sequence[Task], label_config: str | None
) -> list[tuple[int | str | None, str]]:
    """What tasks say of the images that somebody may click on.

    Args:
        tasks: whose fields name them.
        label_config: the project's; one that cannot be read has no such image.

    Returns:
        (task id, source) of each image tag that masks can be written on, as far as a task has it.
    """
    try:
        config = parse_label_config(label_config)
    except LabelConfigInvalid:
        return []
    keys = [config.data_keys[image_name] for image_name in config.find_drawn_images()]
    images: list[tuple[int | str | None, str]] = []
    for task in tasks:
        for key in keys:
            with suppress(RequestInvalid):
                images.append((task.id, find_image_source(task, key)))
    return images


@contextmanager
def _open_pool() -> Iterator[RequestThreads]:
    """Threads that overlap downloads, encoding and decoding of one call.

    They are not waited for: one that hangs on a slow image ends by itself, within the time that an
    image may take.
    """
    pool = RequestThreads(_THREADS, "batch-prediction")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _read_outcome(future: Future[Prediction | _Unpredicted]) -> Prediction | _Unpredicted:
    if future.cancelled() or not future.done():
        return _Unpredicted.LEFT
    return future.result()
