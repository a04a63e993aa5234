"""Where embeddings are kept: one interface, in Redis for all and in the process for the latest."""

import threading
from collections import OrderedDict
from typing import Protocol

from redis import Redis

from core import ImageEmbedding

from .embedding_codec import EmbeddingDtype, pack_embedding, unpack_embedding
from .errors import EmbeddingFormatError
from .keys import EMBEDDING_TTL_S
from .redis_connection import as_bytes


class EmbeddingCache(Protocol):
    """Keeps embeddings by key; may forget any of them at any time."""

    def get(self, key: str) -> ImageEmbedding | None:
        """The embedding, or None when it is not kept (any more)."""

    def put(self, key: str, embedding: ImageEmbedding) -> None:
        """Keep an embedding."""


class RedisEmbeddingCache:
    """Embeddings that all processes share. A value that cannot be read is a miss.

    Args:
        redis: where they are kept.
        dtype: of those that are put; any is read.
        ttl_s: how long they are kept after they were last used.
    """

    def __init__(
        self, redis: Redis, dtype: EmbeddingDtype = "float16", ttl_s: int = EMBEDDING_TTL_S
    ) -> None:
        self._redis = redis
        self._dtype = dtype
        self._ttl_s = ttl_s

    def get(self, key: str) -> ImageEmbedding | None:
        """The embedding with float16 features, or None; a hit lives on for another TTL."""
        value = as_bytes(self._redis.getex(key, ex=self._ttl_s))
        if value is None:
            return None
        try:
            return unpack_embedding(value)
        except EmbeddingFormatError:
            self._redis.delete(key)
            return None

    def put(self, key: str, embedding: ImageEmbedding) -> None:
        """Keep an embedding."""
        self._redis.set(key, pack_embedding(embedding, self._dtype), ex=self._ttl_s)


class ProcessEmbeddingCache:
    """The embeddings used last, within a bound of bytes; safe between threads.

    Args:
        max_bytes: the bound.

    Attributes:
        max_bytes: likewise.
        size_bytes: of what is kept.
        evicted: how many embeddings were forgotten to make room.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size_bytes = 0
        self.evicted = 0
        self._embeddings: OrderedDict[str, ImageEmbedding] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> ImageEmbedding | None:
        """The embedding, or None; a hit becomes the one used last."""
        with self._lock:
            embedding = self._embeddings.get(key)
            if embedding is not None:
                self._embeddings.move_to_end(key)
            return embedding

    def put(self, key: str, embedding: ImageEmbedding) -> None:
        """Keep an embedding, forgetting those used longest ago where room is needed."""
        with self._lock:
            self._forget(key)
            self._embeddings[key] = embedding
            self.size_bytes += embedding.features.nbytes
            while self.size_bytes > self.max_bytes:
                self._forget(next(iter(self._embeddings)))
                self.evicted += 1

    def _forget(self, key: str) -> None:
        embedding = self._embeddings.pop(key, None)
        if embedding is not None:
            self.size_bytes -= embedding.features.nbytes
