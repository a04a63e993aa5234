"""What a worker process does for a job. RQ calls these by name with JSON arguments.

The model is loaded once a process and set here before the first job; job arguments name data,
they never carry it.
"""

import logging
import time
from dataclasses import dataclass

from redis import Redis

from core import Predictor, read_image

from .embedding_cache import RedisEmbeddingCache
from .errors import EncodeFailed
from .keys import embedding_key, flight_key, image_key
from .redis_connection import as_bytes

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerContext:
    """What every job of this process works with."""

    predictor: Predictor
    redis: Redis


_context: WorkerContext | None = None


def set_context(context: WorkerContext) -> None:
    """Give the jobs of this process their model and their Redis."""
    global _context  # noqa: PLW0603  RQ calls module-level functions and hands them nothing else
    _context = context


def encode_image(image_sha256: str, model_identity: str) -> None:
    """Encode the image under ``image_key`` and put its embedding into the cache.

    Safe to repeat: an embedding that is there already is not made again.

    Raises:
        EncodeFailed: this worker has another model, or the image is gone from Redis.
        ImageError: the bytes are not an image.
    """
    if _context is None:
        raise EncodeFailed("this process has no model: start workers with `esam worker`")
    redis, predictor = _context.redis, _context.predictor
    key = embedding_key(model_identity, image_sha256)
    try:
        if model_identity != predictor.embedding_identity:
            raise EncodeFailed(
                f"this worker has the model {predictor.embedding_identity!r}, the backend asked "
                f"for {model_identity!r}; start both with the same model and weights"
            )
        if not redis.exists(key):
            started = time.perf_counter()
            embedding = predictor.encode(read_image(_take_image(redis, image_sha256)))
            RedisEmbeddingCache(redis).put(key, embedding)
            spent_ms = 1000 * (time.perf_counter() - started)
            size_hw = embedding.original_size_hw
            logger.info("encoded image=%.12s size_hw=%s ms=%.0f", image_sha256, size_hw, spent_ms)
    finally:
        # Whoever comes next finds the embedding, or starts a job of its own.
        redis.delete(flight_key(model_identity, image_sha256))
        redis.delete(image_key(image_sha256))


def _take_image(redis: Redis, image_sha256: str) -> bytes:
    content = as_bytes(redis.get(image_key(image_sha256)))
    if content is None:
        raise EncodeFailed(
            "the image expired in Redis before a worker came to it; ask again, "
            "and start more workers if this repeats"
        )
    return content
