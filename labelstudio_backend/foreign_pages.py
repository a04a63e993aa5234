"""Web pages of others give no orders here.

A browser sends what a page asks it to, to this machine and inside networks too, and with a login
that it remembers. It says which page that was. Label Studio and programs say nothing of the kind.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import ForeignPage

# What changes nothing; browsers keep the answers from pages of others.
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN: Final = frozenset({"same-origin", "none"})

AnswerError = Callable[[Request, Exception], Awaitable[Response]]


class RefuseForeignPages:
    """ASGI middleware that refuses what browsers send for pages of other origins.

    Args:
        app: what it protects.
        answer_error: makes the response.
    """

    def __init__(self, app: ASGIApp, answer_error: AnswerError) -> None:
        self._app = app
        self._answer_error = answer_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through or answer 403."""
        is_order = scope["type"] == "http" and scope["method"] not in _READING
        if not (is_order and _is_foreign(Headers(scope=scope))):
            await self._app(scope, receive, send)
            return
        error = ForeignPage(
            "a web page of another origin asked a browser for this call; if it was the page /play, "
            "the proxy in front of this service must pass on the Host header"
        )
        response = await self._answer_error(Request(scope, receive), error)
        await response(scope, receive, send)


def _is_foreign(headers: Headers) -> bool:
    # Newer browsers say it outright, but only on https and to this machine.
    if (site := headers.get("Sec-Fetch-Site")) is not None:
        return site not in _OWN
    origin = headers.get("Origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != headers.get("Host", "").lower()
    except ValueError:
        return True
