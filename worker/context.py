"""What the jobs of a worker process work with.

The model is loaded once a process and set here before the first job. RQ calls module-level
functions by name with JSON arguments: arguments name data, they never carry it.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from core import (
    MAX_PIXELS,
    EfficientSAMError,
    ImageEmbedding,
    ImageTooLarge,
    Predictor,
    read_image,
)

from .counters import count
from .embedding_codec import EmbeddingDtype
from .errors import NotAWorker
from .halving import work_in_halves

logger = logging.getLogger(__name__)


def _do_nothing(queue: str, at_most: int) -> None:
    """A process that serves no queue has no jobs to do."""


@dataclass(frozen=True)
class WorkerContext:
    """What every job of this process works with.

    Attributes:
        predictor: the model on this process's device.
        redis: where jobs, embeddings and runs live.
        is_stopping: whether this process was told to stop.
        embedding_dtype: of the embeddings that it puts into the cache.
        image_max_pixels: of the images that it reads.
        images_at_once: how many its device encodes best in one batch.
        do_urgent_jobs: does jobs of the queues before this one, so many at most, here and now.
    """

    predictor: Predictor
    redis: Redis
    is_stopping: Callable[[], bool] = lambda: False
    embedding_dtype: EmbeddingDtype = "float16"
    image_max_pixels: int = MAX_PIXELS
    images_at_once: int = 1
    do_urgent_jobs: Callable[[str, int], None] = _do_nothing

    def read_image(self, content: bytes) -> NDArray[np.uint8]:
        """An image file's content as (H, W, 3) uint8 RGB.

        Raises:
            ImageError: it cannot be read, or has too many pixels.
        """
        try:
            return read_image(content, self.image_max_pixels)
        except ImageTooLarge as error:
            raise ImageTooLarge(
                f"{error}; make it smaller, or raise ESAM_IMAGE_MAX_PIXELS where workers start"
            ) from error

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[ImageEmbedding]:
        """Encode images in one batch, and count them.

        Args:
            images: (H, W, 3) each, of any size.
        """
        started = time.perf_counter()
        embeddings = self.predictor.encode(images)
        spent_s = time.perf_counter() - started
        device = str(self.predictor.device)
        with self.redis.pipeline(transaction=False) as pipe:
            count(pipe, "encodes", device=device, batch_size=str(len(images)))
            count(pipe, "encoded_images", len(images), device=device)
            count(pipe, "encode_seconds", spent_s, device=device)
            pipe.execute()
        return embeddings

    def encode_each(self, images: Sequence[NDArray[np.uint8]]) -> list[ImageEmbedding | Exception]:
        """Encode images in one batch; one that spoils it costs no other its embedding.

        Args:
            images: (H, W, 3) each, of any size.

        Returns:
            In order: its embedding, or why there is none.
        """
        embeddings = work_in_halves(self.encode, images)
        for failure in embeddings:
            if isinstance(failure, Exception):
                self._check_device(failure)
        return embeddings

    def _check_device(self, error: Exception) -> None:
        """End this process where its device is lost: else every further image would fail."""
        if isinstance(error, EfficientSAMError) or self.predictor.is_device_usable():
            return
        logger.critical("the device %s is lost; ending", self.predictor.device, exc_info=error)
        logging.shutdown()
        os._exit(1)


_context: WorkerContext | None = None


def set_context(context: WorkerContext) -> None:
    """Give the jobs of this process their model and their Redis."""
    global _context  # noqa: PLW0603  RQ calls module-level functions and hands them nothing else
    _context = context


def current_context() -> WorkerContext:
    """The context of this worker process.

    Raises:
        NotAWorker: no model was loaded here.
    """
    if _context is None:
        raise NotAWorker("this process has no model: start workers with `esam worker`")
    return _context
