"""Embeddings that need no Redis: this process makes them while it or all workers are away."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping

from redis import Redis
from redis.exceptions import RedisError

from core import MAX_PIXELS, ImageEmbedding, Predictor, Tile, read_image

from .embedding_cache import ProcessEmbeddingCache
from .embedding_client import EmbeddingClient
from .embedding_lookups import EmbeddingLookups
from .errors import EncodeTimeout, NoWorker, RedisUnavailable
from .keys import INTERACTIVE, view_of

logger = logging.getLogger(__name__)

_LEAVE_ALONE_S = 5.0
"""How long Redis is not asked again after it did not answer: no click is to wait for it twice."""


class SelfReliantEmbeddings:
    """An ``EmbeddingClient``'s embeddings, and this process's own where that has none to give.

    Own embeddings are kept in this process only. Safe between threads.

    Args:
        client: the way to Redis and workers.
        probe: a client of the same Redis that does not wait long.
        load: loads the model with its encoder; called when that is first needed.
        image_max_pixels: of the largest image that is read here.
        kept_bytes: bound of the own embeddings.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: EmbeddingClient,
        probe: Redis,
        load: Callable[[], Predictor],
        image_max_pixels: int = MAX_PIXELS,
        kept_bytes: int = 256 * 2**20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._probe = probe
        self._load = load
        self._image_max_pixels = image_max_pixels
        self._kept = ProcessEmbeddingCache(kept_bytes)
        self._clock = clock
        self._ask_again_at = clock()
        self._predictor: Predictor | None = None
        self._turn = threading.Lock()

    def find(self, image_sha256: str, tile: Tile | None = None) -> ImageEmbedding | None:
        """The embedding of an image, or of a tile of it, wherever it is."""
        embedding = self._find_here(image_sha256, tile)
        if embedding is None and self._is_redis_there():
            try:
                embedding = self._client.find(image_sha256, tile)
            except RedisUnavailable as error:
                self._leave_alone(error)
        return embedding

    def get_or_encode(
        self,
        image: bytes,
        *,
        tile: Tile | None = None,
        priority: str = INTERACTIVE,
        timeout_s: float = 90.0,
        on_encoded: Callable[[Mapping[str, float]], None] | None = None,
    ) -> ImageEmbedding:
        """The embedding of an image, by a worker or by this process; as ``EmbeddingClient``'s.

        Raises:
            EfficientSAMError: this process cannot encode it.
            EncodeFailed: the worker could not.
            EncodeTimeout: no embedding before the deadline.
        """
        deadline = self._clock() + timeout_s
        if self._is_redis_there():
            try:
                if self._client.worker_count():
                    return self._client.get_or_encode(
                        image, tile=tile, priority=priority, timeout_s=timeout_s,
                        on_encoded=on_encoded,
                    )  # fmt: skip
            except RedisUnavailable as error:
                self._leave_alone(error)
            except NoWorker as error:
                logger.warning("%s; encoding here", error)
        return self._encode_here(image, tile, deadline, on_encoded)

    def find_alias(self, alias: str) -> str | None:
        """SHA-256 of the image that this URL with these validators served, if known."""
        if not self._is_redis_there():
            return None
        try:
            return self._client.find_alias(alias)
        except RedisUnavailable as error:
            self._leave_alone(error)
            return None

    def save_alias(self, alias: str, image_sha256: str) -> None:
        """Remember which image a URL with these validators served, where Redis is there."""
        if not self._is_redis_there():
            return
        try:
            self._client.save_alias(alias, image_sha256)
        except RedisUnavailable as error:
            self._leave_alone(error)

    def _find_here(self, image_sha256: str, tile: Tile | None) -> ImageEmbedding | None:
        near = self._client.find_near(image_sha256, tile)
        return near or self._kept.get(view_of(image_sha256, tile))

    def read_lookups(self) -> EmbeddingLookups:
        """What the client was asked for so far; who finds it away is not counted."""
        return self._client.read_lookups()

    def _is_redis_there(self) -> bool:
        if self._clock() < self._ask_again_at:
            return False
        try:
            self._probe.ping()
        except RedisError as error:
            self._leave_alone(error)
            return False
        return True

    def _leave_alone(self, error: Exception) -> None:
        self._ask_again_at = self._clock() + _LEAVE_ALONE_S
        logger.warning("Redis is away (%s: %.300s); encoding here", type(error).__name__, error)

    def _encode_here(
        self,
        image: bytes,
        tile: Tile | None,
        deadline: float,
        on_encoded: Callable[[Mapping[str, float]], None] | None,
    ) -> ImageEmbedding:
        asked = self._clock()
        if not self._turn.acquire(timeout=max(0.0, deadline - asked)):
            raise EncodeTimeout(
                f"no embedding after {self._clock() - asked:.0f} s: without Redis this process "
                "encodes one image after the other; start Redis and workers"
            )
        try:
            image_sha256 = hashlib.sha256(image).hexdigest()
            embedding = self._find_here(image_sha256, tile)
            if embedding is None:
                started = self._clock()
                embedding = self._encode(image, tile)
                self._kept.put(view_of(image_sha256, tile), embedding)
                if on_encoded:
                    spent_ms = 1000 * (self._clock() - started)
                    on_encoded({"wait": 1000 * (started - asked), "encode": spent_ms})
            return embedding
        finally:
            self._turn.release()

    def _encode(self, image: bytes, tile: Tile | None) -> ImageEmbedding:
        rgb = read_image(image, self._image_max_pixels)
        self._predictor = self._predictor or self._load()
        return self._predictor.encode(tile.crop(rgb) if tile else rgb)
