"""Bodies of requests and answers: bounded, checked, and JSON both ways."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.requests import ClientDisconnect

from .errors import RequestInvalid, RequestTooLarge

ReadBody = Callable[[Request], Awaitable[bytes]]

_Body = TypeVar("_Body", bound=BaseModel)
_SHOWN_PROBLEMS = 5


def make_answer(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer."""
    # Masks are long lists of integers: pydantic writes them several times as fast as `json`.
    return Response(to_json(content), status, headers, "application/json")


async def read_bounded(request: Request, max_bytes: int, advice: str) -> bytes:
    """The body of a request.

    Args:
        request: whose.
        max_bytes: the most that is read.
        advice: what a caller can do who sent more.

    Raises:
        RequestTooLarge: it has more bytes.
        RequestInvalid: the caller hung up.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise RequestTooLarge(f"the request has more than {max_bytes:,} bytes; {advice}")
    except ClientDisconnect as error:
        raise RequestInvalid("the caller hung up before its request was read") from error
    return bytes(body)


def parse_body(body_type: type[_Body], body: bytes) -> _Body:
    """A body as the message it should be.

    Raises:
        RequestInvalid: it is something else; says which fields are wrong.
    """
    try:
        return body_type.model_validate_json(body)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        shown = "; ".join(problems[:_SHOWN_PROBLEMS])
        if len(problems) > _SHOWN_PROBLEMS:
            shown += f"; and {len(problems) - _SHOWN_PROBLEMS} more"
        raise RequestInvalid(f"the request cannot be read: {shown}") from None
