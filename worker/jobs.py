"""The encode of one image, as a job and for other jobs of a worker process."""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from redis import Redis
from redis.exceptions import RedisError

from core import ImageEmbedding, ImageError, OutOfMemory, Tile

from .context import WorkerContext, current_context
from .embedding_cache import RedisEmbeddingCache
from .errors import EncodeFailed
from .image_lives import risking_a_life
from .keys import (
    IMAGE_TTL_S,
    embedding_key,
    flight_key,
    image_key,
    parse_view,
    view_of,
    waiting_key,
)
from .redis_connection import as_bytes, as_text, is_passing

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _ReadView:
    """What is encoded, read."""

    view: str
    rgb: NDArray[np.uint8]


def encode_image(
    image_sha256: str, model_identity: str, tile: Sequence[int] | None = None
) -> dict[str, float]:
    """Encode the image under ``image_key`` and put its embedding into the cache.

    Safe to repeat: an embedding that is there already is not made again. Where the device encodes
    several images as fast as one, those that others wait for are encoded along with it; their jobs
    find their embeddings there.

    Args:
        image_sha256: of the image file.
        model_identity: whose embedding is asked for.
        tile: (x0, y0, width, height) in original pixels of the part to encode; None for all of it.

    Returns:
        Milliseconds by stage; none where the embedding was there already.

    Raises:
        EncodeFailed: this worker has another model, or the image is gone from Redis.
        ImageError: the bytes are not an image.
        NotAWorker: this process has no model.
    """
    context = current_context()
    redis, predictor = context.redis, context.predictor
    part = Tile(*tile) if tile else None
    view = view_of(image_sha256, part)
    # No worker is to encode along what this one has begun.
    redis.lrem(waiting_key(model_identity), 0, view)
    with _in_flight(redis, model_identity, view):
        if model_identity != predictor.embedding_identity:
            raise EncodeFailed(
                f"this worker has the model {predictor.embedding_identity!r}, the backend asked "
                f"for {model_identity!r}; start both with the same model and weights"
            )
        if redis.exists(embedding_key(model_identity, view)):
            return {}
        return _encode(context, view, _take_image(redis, view), part)


def encode_here(context: WorkerContext, content: bytes, job_id: str | None = None) -> str:
    """Encode an image in this worker process, unless its embedding is there or on its way.

    Args:
        context: of this process.
        content: the image file's content.
        job_id: of the job that does it; who wants the same image meanwhile waits for that job.

    Returns:
        SHA-256 of the content.

    Raises:
        ImageError: the bytes are not an image.
    """
    redis, identity = context.redis, context.predictor.embedding_identity
    image_sha256 = hashlib.sha256(content).hexdigest()
    flight = flight_key(identity, image_sha256)
    is_there = redis.exists(embedding_key(identity, image_sha256))
    if is_there or not redis.set(flight, job_id or str(uuid4()), nx=True, ex=IMAGE_TTL_S):
        return image_sha256
    try:
        _encode(context, image_sha256, content)
    finally:
        redis.delete(flight)
    return image_sha256


def find_embedding(context: WorkerContext, view: str) -> ImageEmbedding | None:
    """The embedding of a view by this process's encoder, if it is in the cache of all."""
    key = embedding_key(context.predictor.embedding_identity, view)
    return RedisEmbeddingCache(context.redis, context.embedding_dtype).get(key)


def keep_embedding(context: WorkerContext, view: str, embedding: ImageEmbedding) -> None:
    """Put an embedding that this process made into the cache of all."""
    key = embedding_key(context.predictor.embedding_identity, view)
    RedisEmbeddingCache(context.redis, context.embedding_dtype).put(key, embedding)


@contextmanager
def _in_flight(redis: Redis, model_identity: str, view: str) -> Iterator[None]:
    """Whoever comes after the body finds the embedding, or starts a job of its own.

    A body that Redis failed is done again, and needs the image then.
    """
    keys = flight_key(model_identity, view), image_key(view)
    try:
        yield
    except Exception as error:
        if not (isinstance(error, RedisError) and is_passing(error)):
            redis.delete(*keys)
        raise
    redis.delete(*keys)


def _encode(
    context: WorkerContext, view: str, content: bytes, tile: Tile | None = None
) -> dict[str, float]:
    """Read, encode, store; milliseconds of each."""
    moments = [time.perf_counter()]
    with risking_a_life(context.redis, context.predictor.embedding_identity, view):
        views = [_read(context, view, content, tile), *_read_waiting(context)]
        moments.append(time.perf_counter())
        own, *along = context.encode_each([one.rgb for one in views])
        moments.append(time.perf_counter())
    for one, embedding in zip(views, (own, *along), strict=True):
        if not isinstance(embedding, Exception):  # else its own job says so to whoever asked
            keep_embedding(context, one.view, embedding)
    if isinstance(own, Exception):
        raise own
    moments.append(time.perf_counter())
    spent_ms = [1000 * (after - before) for before, after in pairwise(moments)]
    logger.info(
        "encoded image=%.12s tile=%s size_hw=%s images=%d read_ms=%.1f encode_ms=%.1f "
        "store_ms=%.1f",
        view, view.partition("@")[2] or "whole", own.original_size_hw, len(views),
        *spent_ms,
    )  # fmt: skip
    return dict(zip(("read", "encode", "store"), spent_ms, strict=True))


def _read(context: WorkerContext, view: str, content: bytes, tile: Tile | None) -> _ReadView:
    rgb = context.read_image(content)
    return _ReadView(view, tile.crop(rgb) if tile else rgb)


def _read_waiting(context: WorkerContext) -> list[_ReadView]:
    """Other views that callers wait for, as many as fit into a batch."""
    if context.images_at_once == 1:
        return []
    key = waiting_key(context.predictor.embedding_identity)
    popped: Any = context.redis.lpop(key, context.images_at_once - 1) or []
    found = []
    for view in map(as_text, popped):
        content = as_bytes(context.redis.get(image_key(view)))
        if content is None:
            continue
        try:
            found.append(_read(context, view, content, parse_view(view)[1]))
        except (ImageError, OutOfMemory, ValueError) as error:
            # Its own job says so to whoever asked.
            logger.info("not encoded along image=%.12s reason=%s", view, type(error).__name__)
    return found


def _take_image(redis: Redis, view: str) -> bytes:
    content = as_bytes(redis.get(image_key(view)))
    if content is None:
        raise EncodeFailed(
            "the image expired in Redis before a worker came to it; ask again, "
            "and start more workers if this repeats"
        )
    return content
