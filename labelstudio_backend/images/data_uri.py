"""Images inside the task itself: ``data:image/png;base64,...`` (RFC 2397)."""

import base64
import binascii
from urllib.parse import unquote_to_bytes

from ..errors import ImageUnusable

SCHEME = "data:"


def decode_data_uri(uri: str, max_bytes: int) -> bytes:
    """The content of a data URI, base64 or percent-encoded.

    Args:
        uri: starts with ``data:``, in any case.
        max_bytes: the largest content that is decoded.

    Raises:
        ImageUnusable: it has no comma, is not valid base64, or is too large.
    """
    header, comma, payload = uri.partition(",")
    if not comma:
        raise ImageUnusable("the task's data: URI has no comma between its type and its content")
    if len(payload) > 3 * max_bytes:  # percent-encoding takes up to three characters a byte
        raise ImageUnusable(
            f"the task's data: URI holds more than the limit of {max_bytes:,} bytes"
        )
    content = unquote_to_bytes(payload)
    if header.lower().rstrip().endswith(";base64"):
        try:
            content = base64.b64decode(b"".join(content.split()), validate=True)
        except binascii.Error as error:
            raise ImageUnusable(f"the task's data: URI is not valid base64: {error}") from error
    if len(content) > max_bytes:
        raise ImageUnusable(
            f"the task's data: URI holds {len(content):,} bytes, the limit is {max_bytes:,}"
        )
    return content
