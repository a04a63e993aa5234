"""Which request a line of the log belongs to, in whatever thread or process it is written.

An id is taken from who asks or made, travels with jobs in their ``meta``, and is set again around
the job in the worker. Jobs that a job makes carry it on.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Final, ParamSpec, TypeVar
from uuid import uuid4

REQUEST_ID_FIELD: Final = "request_id"
"""In a job's ``meta``."""

# What stands in each line of the log must not break it, nor be long.
_ALLOWED = re.compile(r"[A-Za-z0-9_.:/+=@-]{1,100}")

_request_id: ContextVar[str | None] = ContextVar(REQUEST_ID_FIELD, default=None)

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def current_request_id() -> str | None:
    """The request that this thread works for; None where it works for none."""
    return _request_id.get()


def choose_request_id(given: object) -> str:
    """The id that was given, where it can stand in a log, else a new one."""
    if isinstance(given, str) and _ALLOWED.fullmatch(given):
        return given
    return uuid4().hex[:16]


@contextmanager
def working_for(request_id: str) -> Iterator[None]:
    """Say which request the body works for."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


class RequestThreads(ThreadPoolExecutor):
    """Threads that work for the same request as who gives them work."""

    def submit(
        self,
        function: Callable[_Arguments, _Result],
        /,
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> Future[_Result]:
        """As of any executor."""
        context = copy_context()
        return super().submit(lambda: context.run(function, *args, **kwargs))
