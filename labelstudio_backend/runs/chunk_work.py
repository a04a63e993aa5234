"""What a chunk of tasks is worked on with, whatever is done with them."""

import logging
from dataclasses import dataclass

from worker import LongJob, WorkerContext

from ..errors import translate_error
from ..images.fetcher import ImageFetcher
from ..label_studio.client import LabelStudioClient
from .chunk_hold import ChunkHold
from .run import Run
from .task_outcomes import TaskOutcomes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ChunkWork:
    """A chunk of a run in the hands of a worker.

    Attributes:
        run: what is done.
        hold: whether the tasks are still this worker's.
        context: model and Redis of this worker process.
        client: of the run's Label Studio.
        images: fetches what tasks name.
        outcomes: where it is written down what became of each task.
        job: the worker's, that urgent ones pass.
    """

    run: Run
    hold: ChunkHold
    context: WorkerContext
    client: LabelStudioClient
    images: ImageFetcher
    outcomes: TaskOutcomes
    job: LongJob

    def record_done(self, task_id: int) -> None:
        """Write down that a task is done."""
        self.outcomes.record_done(self.run.id, task_id)

    def record_skipped(self, task_id: int) -> None:
        """Write down that there is nothing to do for a task."""
        self.outcomes.record_skipped(self.run.id, task_id)

    def record_failed(self, task_id: int, reason: str, code: str) -> None:
        """Write down why a task failed, for people and for machines."""
        logger.warning("task failed run=%s task=%s reason=%s", self.run.id, task_id, reason)
        self.outcomes.record_failed(self.run.id, task_id, reason, code)

    def record_error(self, task_id: int, error: Exception) -> None:
        """Write down what ended the work on a task."""
        reason = str(error) or type(error).__name__
        self.record_failed(task_id, reason, translate_error(error).code)
