"""Jobs as this product's workers take them from Redis: known functions only, and nothing beside.

RQ imports the function, and up to three callbacks, by the names that stand in the job, and calls
URLs that stand there when the job ends. Whoever can write to Redis could run any code with that.
Here a name is looked up in a list, and fields that this product does not use are not read.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq.exceptions import DeserializationError, NoSuchJobError
from rq.job import Job

from .errors import JobRefused

logger = logging.getLogger(__name__)

JobFunction = Callable[..., object]
OnGivenUp = Callable[..., None]
"""Called with a job's arguments when no worker survived it."""

Jobs = Mapping[JobFunction, OnGivenUp | None]
"""What a worker does, and what it does when a job of the kind is given up."""

_FIELDS = frozenset(
    {
        "created_at", "data", "description", "ended_at", "enqueue_at_front",
        "enqueue_at_front_on_retry", "enqueued_at", "failure_ttl", "last_heartbeat", "meta",
        "origin", "result_ttl", "retries_left", "started_at", "status", "timeout", "ttl",
        "worker_name",
    }
)  # fmt: skip


class KnownJob(Job):
    """A job whose function is one of ``functions``; see ``make_job_class``."""

    functions: ClassVar[Mapping[str, JobFunction]] = MappingProxyType({})

    @property
    def func(self) -> JobFunction:
        """The function that the job names.

        Raises:
            JobRefused: it is not one that this worker knows.
        """
        try:
            name, has_instance = self.func_name, bool(self.instance)
        except DeserializationError as error:
            raise JobRefused("the job is not JSON that this product wrote") from error
        function = None if has_instance or not isinstance(name, str) else self.functions.get(name)
        if function is None:
            raise JobRefused(
                f"this worker knows no job {name!r:.100}; start workers and backend with the same "
                "version, and look who else writes to this Redis"
            )
        return function

    def restore(self, raw_data: Mapping[Any, Any]) -> None:
        """Take the fields that this product uses from a Redis hash."""
        known = {name: value for name, value in raw_data.items() if _as_name(name) in _FIELDS}
        super().restore(known)

    @classmethod
    def fetch(cls, id: str, connection: Redis | None = None, serializer: Any = None) -> Job:
        """The job of this id.

        Raises:
            NoSuchJobError: there is none, or something else that no queue should stop at.
        """
        try:
            return super().fetch(id, connection=connection, serializer=serializer)
        except NoSuchJobError:
            raise
        except RedisError as error:
            if not isinstance(error, ResponseError):
                raise
            raise _skip(id, error) from error
        except Exception as error:  # RQ's parser raises what comes, an AssertionError too
            raise _skip(id, error) from error


def make_job_class(functions: Iterable[JobFunction]) -> type[KnownJob]:
    """The job class of a worker that does these functions and no others."""
    by_name = {f"{function.__module__}.{function.__qualname__}": function for function in functions}
    return type("KnownJob", (KnownJob,), {"functions": MappingProxyType(by_name)})


def _skip(job_id: str, error: Exception) -> NoSuchJobError:
    logger.warning("job skipped id=%.60r reason=malformed (%s)", job_id, type(error).__name__)
    return NoSuchJobError(f"{job_id!r:.60} is no job of this product")


def _as_name(field: bytes | str) -> str:
    return field.decode("utf-8", "replace") if isinstance(field, bytes) else field
