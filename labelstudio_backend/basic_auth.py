"""One login for everything but ``/health``, which Label Studio asks without one."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import LoginRequired

_OPEN_PATHS = frozenset({"/health"})

AnswerError = Callable[[Request, Exception], Awaitable[Response]]


class BasicAuth:
    """ASGI middleware that lets a request through only with the login.

    Args:
        app: what it protects.
        user: the login's name.
        password: the login's password.
        answer_error: makes the response for who has no login.
    """

    def __init__(self, app: ASGIApp, user: str, password: str, answer_error: AnswerError) -> None:
        self._app = app
        self._login = _digest(f"{user}:{password}".encode())
        self._answer_error = answer_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through or answer 401."""
        is_open = scope["type"] != "http" or scope["path"] in _OPEN_PATHS
        if is_open or self._knows(Request(scope)):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        error = LoginRequired(
            "this service asks for a login: set the basic auth user and password on the model's "
            "connection in Label Studio to BASIC_AUTH_USER and BASIC_AUTH_PASS"
        )
        response = await self._answer_error(request, error)
        await response(scope, receive, send)

    def _knows(self, request: Request) -> bool:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            login = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            login = b""
        # Digests, compared in constant time: the answer's delay tells neither the login nor its
        # length.
        return hmac.compare_digest(_digest(login), self._login) and scheme.lower() == "basic"


def _digest(login: bytes) -> bytes:
    return hashlib.sha256(login).digest()
