"""Encode on the accelerator once, keep in Redis."""

from .context import WorkerContext, current_context, set_context
from .embedding_client import EmbeddingClient
from .encode_worker import WorkerStatus, list_workers, start_worker
from .errors import (
    EmbeddingFormatError,
    EncodeFailed,
    EncodeTimeout,
    NotAWorker,
    NoWorker,
    RedisUnavailable,
    WorkerError,
)
from .job_queue import count_waiting_jobs, enqueue_job, find_unfinished_job
from .jobs import encode_here
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
    "NotAWorker",
    "RedisUnavailable",
    "WorkerContext",
    "WorkerError",
    "WorkerSettings",
    "WorkerStatus",
    "connect_redis",
    "count_waiting_jobs",
    "current_context",
    "encode_here",
    "enqueue_job",
    "find_unfinished_job",
    "list_workers",
    "set_context",
    "start_worker",
]
