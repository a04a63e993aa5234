"""What the image's host answered, read as a sentence for the annotator's team."""

import httpx

from ..errors import (
    BackendError,
    ImageHostError,
    ImageMissing,
    ImageTokenRefused,
    ImageUnusable,
)
from ..label_studio.account import LabelStudioAccount
from ..label_studio.cloud_uri import find_cloud_uri
from ..label_studio.image_location import describe_url
from ..label_studio.token import TWO_KINDS

_UPLOADS = "/data/upload/"
_PRINTED_BY_BROWSERS = ("text/html", "application/xhtml+xml")


def check_response(
    response: httpx.Response,
    first_url: httpx.URL,
    url: httpx.URL,
    account: LabelStudioAccount | None,
    max_bytes: int,
) -> None:
    """Check status and headers of the last hop, before its body is read.

    Args:
        response: of the last hop.
        first_url: what was asked for.
        url: where redirects led to.
        account: the project's Label Studio.
        max_bytes: the largest image.

    Raises:
        ImageTokenRefused: it wants a login, or refuses the one it got.
        ImageMissing: there is no such file.
        ImageUnusable: it is a web page, or larger than the limit.
        ImageHostError: any other status.
    """
    own = account if account is not None and account.owns(url) else None
    is_file = own is not None and (own.has_file_at(first_url) or own.has_file_at(url))
    if response.status_code in (401, 403):
        raise _explain_refusal(url, own, is_file, f"answered {response.status_code}")
    if response.status_code == 404 and own is not None and find_cloud_uri(url):
        raise ImageMissing(
            f"{describe_url(url)}: Label Studio cannot open it (404); has its project a source "
            "storage of this bucket (Settings, Cloud Storage), and is the task still there?"
        )
    if response.status_code in (404, 410):
        raise ImageMissing(
            f"{describe_url(url)} is gone ({response.status_code}); was the file moved or deleted?"
        )
    if response.status_code != 200:
        raise ImageHostError(
            f"{describe_url(url)} answered {response.status_code} instead of an image"
        )
    if response.headers.get("Content-Type", "").lower().startswith(_PRINTED_BY_BROWSERS):
        raise _explain_refusal(
            url, own, is_file, "answered with a web page (a login page?), not an image"
        )
    size_bytes = _content_length(response)
    if size_bytes is not None and size_bytes > max_bytes:
        raise explain_too_large(url, f"{size_bytes:,}", max_bytes)


def make_alias(
    url: httpx.URL, response: httpx.Response, account: LabelStudioAccount | None
) -> str | None:
    """A name for this content that stays the same until the host says otherwise.

    Args:
        url: the first hop: the last one may be signed anew each time. Of a cloud URI, that URI is
            taken in its place: the URL holds a task's id, and those are used again.
        response: the last hop.
        account: the project's Label Studio, which sends no validators for its uploads; it writes
            each under a new random name, so that there the URL alone tells versions apart.

    Returns:
        URL and validators, or None when the host sent too little to tell versions apart.
    """
    if account is not None and account.owns(url) and _UPLOADS in url.path:
        return f"{url}\nupload"
    etag = response.headers.get("ETag")
    modified, length = response.headers.get("Last-Modified"), _content_length(response)
    if etag is None and (modified is None or length is None):
        return None
    uri = find_cloud_uri(url) if account is not None and account.owns(url) else None
    name = url if uri is None or account is None else f"{account.base_url} {uri}"
    return "\n".join(str(part) for part in (name, etag, modified, length))


def explain_too_large(url: httpx.URL, size: str, max_bytes: int) -> ImageUnusable:
    """The error for an image above the limit; ``size`` is its bytes in words."""
    return ImageUnusable(
        f"{describe_url(url)} has {size} bytes, the limit is {max_bytes:,}; use a smaller file, or "
        "raise ESAM_IMAGE_MAX_BYTES"
    )


def _explain_refusal(
    url: httpx.URL, own: LabelStudioAccount | None, is_file: bool, happened: str
) -> BackendError:
    shown = f"{describe_url(url)} {happened}"
    if own is None:
        return ImageTokenRefused(
            f"{shown}: it is not Label Studio's host, so no token was sent there. Is the bucket "
            "private, or the signed URL expired? If it is Label Studio, set LABEL_STUDIO_URL to "
            "exactly this scheme, host and port"
        )
    if own.token is None:
        return ImageTokenRefused(
            f"{shown}: Label Studio wants a token and none is set. Set LABEL_STUDIO_URL "
            "and LABEL_STUDIO_API_KEY"
        )
    if not is_file:
        return ImageTokenRefused(
            f"{shown}: it is no file of Label Studio's (/data/..., /tasks/N/resolve/...), so no "
            "token was sent there. Let the task's field name the image itself"
        )
    return ImageTokenRefused(
        f"{shown}: Label Studio refuses the token it was shown; it is wrong, expired, of the wrong "
        f"kind, or its user may not open this project. {TWO_KINDS}"
    )


def _content_length(response: httpx.Response) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() else None
