"""From a task's prompt to its prediction: fetch the image, encode it, decode, draw."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core import ImageEmbedding
from worker import INTERACTIVE, EncodeTimeout

from .images import ImageFetcher
from .label_studio_account import LabelStudioAccount
from .labeled_task import Prediction
from .stage_times import StageTimes
from .task_labeler import TaskLabeler, TaskPrompt

logger = logging.getLogger(__name__)


class EmbeddingSource(Protocol):
    """What is needed of ``worker.EmbeddingClient``; it raises ``WorkerError``s."""

    def find(self, image_sha256: str, /) -> ImageEmbedding | None:
        """The embedding of an image, if it was encoded before."""

    def get_or_encode(
        self, image: bytes, /, *, timeout_s: float, priority: str = INTERACTIVE
    ) -> ImageEmbedding:
        """The embedding of an image, encoded at once if need be."""

    def find_alias(self, alias: str, /) -> str | None:
        """SHA-256 of the image known under this name."""

    def save_alias(self, alias: str, image_sha256: str, /) -> None:
        """Know an image under this name."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a task: for whom, and until when.

    Attributes:
        subject: task and project, for the log.
        account: the project's Label Studio.
        deadline: when whoever asks has to be answered, by the predictor's clock.
        priority: the queue of an encode job that has to be made.
        times: gets the stages ``image``, ``embedding``, ``decode`` and ``mask``.
    """

    subject: str
    account: LabelStudioAccount | None
    deadline: float
    priority: str
    times: StageTimes

    def __str__(self) -> str:
        """Fields for the log."""
        return f"{self.subject} {self.times}"


class TaskPredictor:
    """Predicts tasks whose prompt is known. Safe between threads.

    Args:
        images: fetches what tasks name.
        embeddings: where embeddings come from.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        images: ImageFetcher,
        embeddings: EmbeddingSource,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._images = images
        self._embeddings = embeddings
        self._clock = clock

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
            EfficientSAMError: the prompt cannot be decoded.
        """
        times = attempt.times
        embedding = self._embed(prompt, attempt)
        with times.measure("decode"):
            labeled = labeler.label(prompt, embedding)
        with times.measure("mask"):
            prediction = labeled.to_prediction()
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

    def _embed(self, prompt: TaskPrompt, attempt: Attempt) -> ImageEmbedding:
        """The image's embedding; its content is not read when its host says it did not change."""
        times, opened = attempt.times, (prompt.source, attempt.account, prompt.task.id)
        with times.measure("image"), self._images.open(*opened) as image:
            image_sha256 = self._embeddings.find_alias(image.alias) if image.alias else None
            embedding = self._embeddings.find(image_sha256) if image_sha256 else None
            if embedding is not None:
                return embedding
            content = image.read()
        remaining_s = attempt.deadline - self._clock()
        if remaining_s <= 0:
            raise EncodeTimeout(
                "the image took longer to arrive than the whole call may take; ask again, and see "
                "ESAM_IMAGE_TIMEOUT_S and ESAM_PREDICT_TIMEOUT_S"
            )
        with times.measure("embedding"):
            embedding = self._embeddings.get_or_encode(
                content, timeout_s=remaining_s, priority=attempt.priority
            )
            if image.alias:
                self._embeddings.save_alias(image.alias, hashlib.sha256(content).hexdigest())
        return embedding
