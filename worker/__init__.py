"""Encode on the accelerator once, keep in Redis."""

from .context import WorkerContext, current_context, set_context
from .counters import Counted, count, read_counters
from .embedding_client import EmbeddingClient
from .embedding_lookups import EmbeddingLookups
from .encode_worker import start_worker
from .errors import (
    EmbeddingFormatError,
    EncodeFailed,
    EncodeTimeout,
    JobRefused,
    NotAWorker,
    NoWorker,
    QueueFull,
    RedisUnavailable,
    WorkerError,
)
from .halving import work_in_halves
from .job_queue import (
    count_waiting_jobs,
    enqueue_job,
    find_unfinished_job,
    get_queue,
    withdraw_job,
)
from .jobs import encode_here, find_embedding, keep_embedding
from .keys import BATCH, INTERACTIVE, PREFETCH, QUEUES, parse_view, view_of
from .long_job import LongJob, do_long_job
from .queue_state import QueueState, read_queues
from .redis_connection import (
    as_text,
    connect_redis,
    explain_redis_error,
    redis_errors_translated,
)
from .request_id import RequestThreads, choose_request_id, current_request_id, working_for
from .self_reliant import SelfReliantEmbeddings
from .settings import WorkerSettings
from .worker_status import WorkerStatus, list_workers

__all__ = [
    "BATCH",
    "INTERACTIVE",
    "PREFETCH",
    "QUEUES",
    "Counted",
    "EmbeddingClient",
    "EmbeddingFormatError",
    "EmbeddingLookups",
    "EncodeFailed",
    "EncodeTimeout",
    "JobRefused",
    "LongJob",
    "NoWorker",
    "NotAWorker",
    "QueueFull",
    "QueueState",
    "RedisUnavailable",
    "RequestThreads",
    "SelfReliantEmbeddings",
    "WorkerContext",
    "WorkerError",
    "WorkerSettings",
    "WorkerStatus",
    "as_text",
    "choose_request_id",
    "connect_redis",
    "count",
    "count_waiting_jobs",
    "current_context",
    "current_request_id",
    "do_long_job",
    "encode_here",
    "enqueue_job",
    "explain_redis_error",
    "find_embedding",
    "find_unfinished_job",
    "get_queue",
    "keep_embedding",
    "list_workers",
    "parse_view",
    "read_counters",
    "read_queues",
    "redis_errors_translated",
    "set_context",
    "start_worker",
    "view_of",
    "withdraw_job",
    "work_in_halves",
    "working_for",
]
