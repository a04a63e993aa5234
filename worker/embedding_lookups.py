"""What is asked of the cache of embeddings, in numbers."""

from dataclasses import dataclass
from typing import Literal

Place = Literal["process", "redis", "nowhere"]
"""Where an embedding was found."""


@dataclass(frozen=True)
class EmbeddingLookups:
    """What a client was asked for since it was made, and what it keeps.

    An embedding that nobody had counts as one miss, however often it was looked for until it came.

    Attributes:
        process_hits: embeddings found in this process.
        redis_hits: embeddings found in Redis.
        misses: embeddings that were waited for.
        process_bytes: of the embeddings kept in this process.
        process_max_bytes: bound of that.
        process_evicted: embeddings forgotten to make room.
    """

    process_hits: int
    redis_hits: int
    misses: int
    process_bytes: int
    process_max_bytes: int
    process_evicted: int
