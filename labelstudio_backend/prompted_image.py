"""The image of one prompt, on its way to embeddings: of the whole, and of parts of it."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from core import ImageEmbedding, Tile, find_image_size
from worker import INTERACTIVE, EncodeTimeout, WorkerError

from .errors import BackendError
from .images.fetcher import ImageSource
from .operators.stage_times import StageTimes

logger = logging.getLogger(__name__)

OpenImage = Callable[[], AbstractContextManager[ImageSource]]
"""Opens an image whose content need not be read; raises a ``BackendError`` where it cannot."""


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


class PromptedImage:
    """The image of one prompt, for one answer; read at most once.

    Attributes:
        whole: the embedding of all of it, as far as it was needed or found.

    Args:
        open_image: opens it.
        embeddings: where embeddings come from.
        deadline: when whoever asks has to be answered, by the clock.
        priority: the queue of an encode job that has to be made.
        times: gets the stages ``image`` and ``embedding``, and what a worker did in the latter.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        open_image: OpenImage,
        embeddings: EmbeddingSource,
        *,
        deadline: float,
        priority: str,
        times: StageTimes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_image = open_image
        self._embeddings = embeddings
        self._deadline = deadline
        self._priority = priority
        self._times = times
        self._clock = clock
        self.whole: ImageEmbedding | None = None
        self._sha256: str | None = None
        self._content: bytes | None = None
        self._alias: str | None = None

    def find_size(self) -> tuple[int, int]:
        """(height, width): the file's header says it, where nobody has encoded the image yet.

        Raises:
            ImageError: it is not an image.
            BackendError, WorkerError: as ``embed``.
        """
        with self._times.measure("image"):
            found = self._find(None)
            if isinstance(found, bytes):
                return find_image_size(found)
        self.whole = found
        return found.original_size_hw

    def embed(self, tile: Tile | None = None) -> ImageEmbedding:
        """The embedding of the image, or of a tile of it.

        Raises:
            BackendError: the image cannot be fetched or used.
            WorkerError: it cannot be encoded, or not before the deadline.
        """
        if tile is not None:
            return self._embed(tile)
        if self.whole is None:
            self.whole = self._embed(None)
        return self.whole

    def _embed(self, tile: Tile | None) -> ImageEmbedding:
        with self._times.measure("image"):
            found = self._find(tile)
        if isinstance(found, ImageEmbedding):
            return found
        remaining_s = self._find_remaining_s()
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

    def look_closer(self, tile: Tile, subject: object) -> ImageEmbedding | None:
        """The embedding of a tile, or None with a line in the log.

        A closer look is worth waiting for, but not worth losing the answer that is there.

        Args:
            tile: the part of the image.
            subject: for whom, in the log.
        """
        try:
            return self.embed(tile)
        except (BackendError, WorkerError) as error:
            logger.warning("no closer look %s reason=%.2000r", subject, str(error))
            return None

    def _find_remaining_s(self) -> float:
        """Until the deadline, above 0."""
        remaining_s = self._deadline - self._clock()
        if remaining_s <= 0:
            raise EncodeTimeout(
                "the image took longer to arrive than the whole call may take; ask again, and see "
                "ESAM_IMAGE_TIMEOUT_S and ESAM_PREDICT_TIMEOUT_S"
            )
        return remaining_s

    def _add_worker_times(self, times_ms: Mapping[str, float]) -> None:
        for stage, spent_ms in times_ms.items():
            self._times.add(f"worker_{stage}", spent_ms)

    def _find(self, tile: Tile | None) -> ImageEmbedding | bytes:
        """The embedding, else the content, which is not read when its host says it is the same."""
        if self._content is None or self._sha256 is None:
            with self._open_image() as image:
                self._alias = image.alias
                self._sha256 = image.sha256
                if image.alias:
                    self._sha256 = self._embeddings.find_alias(image.alias)
                embedding = self._embeddings.find(self._sha256, tile) if self._sha256 else None
                if embedding is not None:
                    return embedding
                self._content = image.read()
            self._find_remaining_s()
            self._sha256 = image.sha256 or hashlib.sha256(self._content).hexdigest()
        return self._embeddings.find(self._sha256, tile) or self._content
