"""Everything this package raises on purpose.

WorkerError
├── EmbeddingFormatError   a stored value is truncated or of another version
├── EncodeFailed           the encode job failed; the message is the worker's reason
├── EncodeTimeout          no answer before the deadline
├── JobRefused             a job in Redis is none that this worker does
├── NoWorker               no worker process is alive to take the job
├── NotAWorker             a job runs in a process that has no model
├── QueueFull              too many images wait for a worker already
└── RedisUnavailable       Redis cannot be reached or refuses
"""


class WorkerError(Exception):
    """Root of this package's errors; the message says what, the value, and what to do."""


class EmbeddingFormatError(WorkerError):
    """A stored embedding is truncated, foreign, or of another version."""


class EncodeFailed(WorkerError):
    """The worker could not encode the image; the message is its reason."""


class EncodeTimeout(WorkerError):
    """The embedding did not arrive before the caller's deadline."""


class JobRefused(WorkerError):
    """A job names a function that this worker does not do."""


class NoWorker(WorkerError):
    """No worker process is alive to take the job."""


class NotAWorker(WorkerError):
    """A job runs in a process that has loaded no model."""


class QueueFull(WorkerError):
    """Too many images wait for a worker already."""


class RedisUnavailable(WorkerError):
    """Redis cannot be reached, or refuses the connection."""
