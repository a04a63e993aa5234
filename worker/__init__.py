"""Encode on the accelerator once, keep in Redis."""

from .embedding_client import EmbeddingClient
from .encode_worker import start_worker
from .errors import (
    EmbeddingFormatError,
    EncodeFailed,
    EncodeTimeout,
    NoWorker,
    RedisUnavailable,
    WorkerError,
)
from .keys import BATCH, INTERACTIVE, PREFETCH, QUEUES
from .redis_connection import connect_redis
from .settings import WorkerSettings

__all__ = [
    "BATCH",
    "INTERACTIVE",
    "PREFETCH",
    "QUEUES",
    "EmbeddingClient",
    "EmbeddingFormatError",
    "EncodeFailed",
    "EncodeTimeout",
    "NoWorker",
    "RedisUnavailable",
    "WorkerError",
    "WorkerSettings",
    "connect_redis",
    "start_worker",
]
