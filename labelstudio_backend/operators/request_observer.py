"""The outermost layer of the service: each request has an id, an answer and a place in the figures.

The id is the caller's ``X-Request-ID``, or made. It is answered in the same header, stands in each
line of the log that the request causes, and goes along with the jobs it makes.
"""

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker import choose_request_id, working_for

from .service_metrics import ServiceMetrics

REQUEST_ID_HEADER: Final = "X-Request-ID"

_OK = "ok"
_NO_ROUTE = "none"
# Paths and methods are the caller's words, and whatever is counted stays in memory.
_METHODS = frozenset({"GET", "HEAD", "POST"})

AnswerError = Callable[[Request, Exception], Awaitable[Response]]


class RequestObserver:
    """ASGI middleware.

    Args:
        app: what it observes.
        metrics: counts requests and their time.
        answer_error: makes the response for what nobody caught.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: ServiceMetrics,
        answer_error: AnswerError,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._answer_error = answer_error
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, under an id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = choose_request_id(Headers(scope=scope).get(REQUEST_ID_HEADER))
        started = self._clock()
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with working_for(request_id):
            try:
                await self._app(scope, receive, send_named)
            except Exception as error:  # the process's edge: the log has the traceback
                if status:
                    raise
                response = await self._answer_error(Request(scope), error)
                await response(scope, receive, send_named)
            finally:
                self._count(scope, status, self._clock() - started)

    def _count(self, scope: Scope, status: int, spent_s: float) -> None:
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        is_known = scope["method"] in _METHODS and status != HTTPStatus.METHOD_NOT_ALLOWED
        method = scope["method"] if is_known else "other"
        outcome = scope.get("state", {}).get("outcome", _OK)
        self._metrics.count_request(method, route, status, outcome, spent_s)


def note_outcome(request: Request, outcome: str) -> None:
    """Say for the figures how a request ended; one of which nothing is said ended well."""
    request.state.outcome = outcome
