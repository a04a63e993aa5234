"""Connections to Redis, with bounded waits and errors a person can act on."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    OutOfMemoryError,
    RedisError,
    TimeoutError,
)
from redis.retry import Retry

from .errors import RedisUnavailable

_CONNECT_TIMEOUT_S = 2.0
_SOCKET_TIMEOUT_S = 15.0
_IMPATIENT_TIMEOUT_S = 2.0


def connect_redis(url: str, is_patient: bool = True) -> Redis:
    """A client for this URL; nothing is sent yet.

    Args:
        url: of the server; may hold a password.
        is_patient: whether it waits long and asks again before it gives up; else two seconds, once.

    Raises:
        RedisUnavailable: the URL is malformed.
    """
    options: dict[str, Any] = {"socket_timeout": _SOCKET_TIMEOUT_S}
    if not is_patient:
        options = {"socket_timeout": _IMPATIENT_TIMEOUT_S, "retry": Retry(NoBackoff(), 0)}
    if not url.startswith("unix://"):  # a unix socket has no connect timeout to set
        options["socket_connect_timeout"] = _CONNECT_TIMEOUT_S
    try:
        return Redis.from_url(url, **options)
    except ValueError as error:
        # Neither the URL nor the client's message: either may hold the password, or a part of it.
        raise RedisUnavailable(
            "ESAM_REDIS_URL is not a Redis URL; write it like redis://localhost:6379/0, and "
            "characters such as @ : / # ? in its password as %40 %3A %2F %23 %3F"
        ) from error


def as_bytes(value: bytes | str | None) -> bytes | None:
    """A value as it came; the client's types allow text, which ours never are."""
    return value.encode() if isinstance(value, str) else value


def as_text(value: object) -> str:
    """A value that was written as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def redis_errors_translated(redis: Redis) -> Iterator[None]:
    """Turn the client's errors into ours.

    Raises:
        RedisUnavailable: anything the Redis client raised inside.
    """
    try:
        yield
    except RedisError as error:
        raise explain_redis_error(error, f" at {describe_address(redis)}") from error


def is_passing(error: RedisError) -> bool:
    """Whether the same may work when Redis is back; a refusal is none."""
    away = isinstance(error, ConnectionError | TimeoutError)
    return away and not isinstance(error, AuthenticationError)


def explain_redis_error(error: RedisError, where: str = "") -> RedisUnavailable:
    """What an error of the client means; ``where`` is said after the name."""
    if isinstance(error, AuthenticationError):
        return RedisUnavailable(f"Redis{where} refused the password; correct it in ESAM_REDIS_URL")
    if isinstance(error, OutOfMemoryError):
        return RedisUnavailable(
            f"Redis{where} is full, and nothing in it may be evicted: raise its maxmemory, and set "
            "maxmemory-policy to volatile-lru"
        )
    if isinstance(reason := error.__context__, ssl.SSLCertVerificationError):
        return RedisUnavailable(
            f"the certificate of Redis{where} is not trusted ({reason.verify_message}); add "
            "?ssl_ca_certs=FILE with its authority's certificate to ESAM_REDIS_URL"
        )
    return RedisUnavailable(
        f"Redis{where} cannot be used ({type(error).__name__}: {error}); "
        "start it, or correct ESAM_REDIS_URL"
    )


def describe_address(redis: Redis) -> str:
    """Where a client's Redis is, for people: without user and password."""
    options = redis.connection_pool.connection_kwargs
    return str(options.get("path") or f"{options.get('host')}:{options.get('port')}")
