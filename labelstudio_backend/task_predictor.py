"""From a task's prompt to its prediction: fetch the image, encode it, decode, draw."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from core import ImageEmbedding

from .background import WarmStart
from .errors import translate_error
from .images.fetcher import ImageFetcher
from .label_studio.account import LabelStudioAccount
from .labeled_task import Prediction
from .latest_calls import OpenCall
from .operators.service_metrics import ServiceMetrics
from .operators.stage_times import StageTimes
from .prompted_image import EmbeddingSource, PromptedImage
from .task_labeler import TaskLabeler, TaskPrompt

logger = logging.getLogger(__name__)

_Embedding = TypeVar("_Embedding", ImageEmbedding, ImageEmbedding | None)


@dataclass(frozen=True)
class AttemptSubject:
    """What is predicted, for the log.

    Attributes:
        task_id: the task.
        project: ``"<id>.<unix time of creation>"``.
    """

    task_id: int | str | None
    project: str | None

    def log_fields(self) -> dict[str, object]:
        """For a log of fields."""
        return {"task": self.task_id, "project": self.project}

    def __str__(self) -> str:
        """Fields for the log."""
        return f"task={self.task_id!r:.40} project={self.project!r:.40}"


@dataclass(frozen=True)
class Attempt:
    """One attempt at a task: for whom, and until when.

    Attributes:
        subject: what is predicted.
        account: the project's Label Studio.
        deadline: when whoever asks has to be answered, by the predictor's clock.
        priority: the queue of an encode job that has to be made.
        times: gets the stages ``image``, ``embedding``, ``decode``, ``resize`` and ``write``.
        call: the click that it is for; None where the answer is wanted in any case.
    """

    subject: AttemptSubject
    account: LabelStudioAccount | None
    deadline: float
    priority: str
    times: StageTimes
    call: OpenCall | None = None

    def use(self, embedding: _Embedding) -> _Embedding:
        """An embedding that was waited for.

        Raises:
            Superseded: meanwhile a newer click took this one's place.
        """
        if self.call is not None:
            self.call.check_wanted()
        return embedding

    def log_fields(self) -> dict[str, object]:
        """For a log of fields."""
        return self.subject.log_fields() | self.times.log_fields()

    def __str__(self) -> str:
        """Fields for the log."""
        return f"{self.subject} {self.times}"


class TaskPredictor:
    """Predicts tasks whose prompt is known. Safe between threads.

    Args:
        images: fetches what tasks name.
        embeddings: where embeddings come from.
        metrics: counts what is predicted.
        clock: monotonic seconds.
        warm_start: encodes the image that a tile of it answered for.
    """

    def __init__(
        self,
        images: ImageFetcher,
        embeddings: EmbeddingSource,
        metrics: ServiceMetrics,
        clock: Callable[[], float] = time.monotonic,
        warm_start: WarmStart | None = None,
    ) -> None:
        self._images = images
        self._embeddings = embeddings
        self._metrics = metrics
        self._clock = clock
        self._warm_start = warm_start

    def predict(
        self, labeler: TaskLabeler, prompt: TaskPrompt, attempt: Attempt
    ) -> Prediction | None:
        """Predict one task, and write the line about it to the log.

        Args:
            labeler: the project's.
            prompt: what it found.
            attempt: for whom, and until when.

        Returns:
            The prediction; None when every mask is empty.

        Raises:
            BackendError: the image cannot be fetched or used, or does not suit the prompt.
            WorkerError: it cannot be encoded, or not before the deadline.
            EfficientSAMError: it is no image, or the prompt cannot be decoded.
            Superseded: a newer click took this one's place before it was decoded.
        """
        try:
            prediction = self._predict(labeler, prompt, attempt)
        except Exception as error:
            self._metrics.count(translate_error(error).code, attempt.times)
            raise
        self._metrics.count("mask" if prediction else "empty", attempt.times)
        return prediction

    def _predict(
        self, labeler: TaskLabeler, prompt: TaskPrompt, attempt: Attempt
    ) -> Prediction | None:
        times = attempt.times
        image = self._open(prompt, attempt)
        size_hw = image.find_size()
        with times.measure("decode"):
            labeled = labeler.label(
                prompt,
                size_hw,
                lambda: attempt.use(image.embed()),
                lambda tile: attempt.use(image.look_closer(tile, attempt.subject)),
            )
        if image.whole is None and self._warm_start is not None:
            # A tile answered. The next click may be about something else in the image.
            self._warm_start.warm(attempt.account, [(prompt.task.id, prompt.source)])
        prediction = labeled.to_prediction(times)
        logger.info(
            "prediction %s prompts=%d objects=%d regions=%d score=%.3f %s",
            attempt.subject,
            len(prompt.regions) + len(prompt.boxes),
            len(labeled.masks),
            len(prediction["result"]) if prediction else 0,
            prediction["score"] if prediction else 0.0,
            times,
        )
        return prediction

    def _open(self, prompt: TaskPrompt, attempt: Attempt) -> PromptedImage:
        return PromptedImage(
            partial(self._images.open, prompt.source, attempt.account, prompt.task.id),
            self._embeddings,
            deadline=attempt.deadline,
            priority=attempt.priority,
            times=attempt.times,
            clock=self._clock,
        )
