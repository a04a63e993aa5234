"""The image of one task, on its way to embeddings: of the whole, and of parts looked at closely."""

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from core import ImageEmbedding, Tile
from worker import INTERACTIVE, EncodeTimeout

from .images import ImageFetcher
from .label_studio_account import LabelStudioAccount
from .stage_times import StageTimes


class EmbeddingSource(Protocol):
    """What is needed of ``worker.EmbeddingClient``; it raises ``WorkerError``s."""

    def find(self, image_sha256: str, tile: Tile | None = None, /) -> ImageEmbedding | None:
        """The embedding of an image, or of a tile of it, if it was encoded before."""

    def get_or_encode(
        self,
        image: bytes,
        /,
        *,
        tile: Tile | None = None,
        timeout_s: float,
        priority: str = INTERACTIVE,
        on_encoded: Callable[[Mapping[str, float]], None] | None = None,
    ) -> ImageEmbedding:
        """The embedding of an image, or of a tile of it, encoded at once if need be."""

    def find_alias(self, alias: str, /) -> str | None:
        """SHA-256 of the image known under this name."""

    def save_alias(self, alias: str, image_sha256: str, /) -> None:
        """Know an image under this name."""


class TaskImage:
    """One task's image for one answer; fetched at most once.

    Args:
        images: fetches what tasks name.
        embeddings: where embeddings come from.
        source: what the task says of where the image is.
        account: the project's Label Studio.
        task_id: the task.
        deadline: when whoever asks has to be answered, by the clock.
        priority: the queue of an encode job that has to be made.
        times: gets the stages ``image`` and ``embedding``, and what a worker did in the latter.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        images: ImageFetcher,
        embeddings: EmbeddingSource,
        source: str,
        account: LabelStudioAccount | None,
        task_id: int | str | None,
        *,
        deadline: float,
        priority: str,
        times: StageTimes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._images = images
        self._embeddings = embeddings
        self._opened = (source, account, task_id)
        self._deadline = deadline
        self._priority = priority
        self._times = times
        self._clock = clock
        self._sha256: str | None = None
        self._content: bytes | None = None
        self._alias: str | None = None

    def embed(self, tile: Tile | None = None) -> ImageEmbedding:
        """The embedding of the image, or of a tile of it.

        Raises:
            BackendError: the image cannot be fetched or used.
            WorkerError: it cannot be encoded, or not before the deadline.
        """
        with self._times.measure("image"):
            found = self._find(tile)
        if isinstance(found, ImageEmbedding):
            return found
        remaining_s = self._deadline - self._clock()
        if remaining_s <= 0:
            raise EncodeTimeout(
                "the image took longer to arrive than the whole call may take; ask again, and see "
                "ESAM_IMAGE_TIMEOUT_S and ESAM_PREDICT_TIMEOUT_S"
            )
        with self._times.measure("embedding"):
            embedding = self._embeddings.get_or_encode(
                found,
                tile=tile,
                timeout_s=remaining_s,
                priority=self._priority,
                on_encoded=self._add_worker_times,
            )
            if self._alias and self._sha256:
                self._embeddings.save_alias(self._alias, self._sha256)
        return embedding

    def _add_worker_times(self, times_ms: Mapping[str, float]) -> None:
        for stage, spent_ms in times_ms.items():
            self._times.add(f"worker_{stage}", spent_ms)

    def _find(self, tile: Tile | None) -> ImageEmbedding | bytes:
        """The embedding, else the content, which is not read when its host says it is the same."""
        if self._content is not None and self._sha256 is not None:
            return self._embeddings.find(self._sha256, tile) or self._content
        with self._images.open(*self._opened) as image:
            self._alias = image.alias
            self._sha256 = self._embeddings.find_alias(image.alias) if image.alias else None
            embedding = self._embeddings.find(self._sha256, tile) if self._sha256 else None
            if embedding is not None:
                return embedding
            self._content = image.read()
        self._sha256 = hashlib.sha256(self._content).hexdigest()
        return self._content
