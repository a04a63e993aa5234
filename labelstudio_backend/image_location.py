"""From what a task says to the URL of its image."""

import httpx

from .errors import ImageSourceRefused
from .label_studio_account import LabelStudioAccount, require_account

_SCHEMES = ("http", "https")
_LOCAL_FILES_PATH = "/data/local-files/"


def locate_image(source: str, account: LabelStudioAccount | None) -> httpx.URL:
    """The URL to fetch a task's image from.

    Args:
        source: a path in Label Studio, or a URL.
        account: the project's Label Studio.

    Raises:
        ImageSourceRefused: it is neither, or of a scheme that is not fetched.
        LabelStudioUnknown: it is a path and there is no account.
    """
    source = source.strip()
    try:
        if source.startswith("/") and not source.startswith("//"):
            return require_account(account, source.partition("?")[0]).resolve(source)
        url = check_scheme(httpx.URL(source))
    except (httpx.InvalidURL, ValueError) as error:
        raise ImageSourceRefused("the task's image is a malformed URL; correct it") from error
    return account.reach(url) if account else url


def check_scheme(url: httpx.URL) -> httpx.URL:
    """The URL itself, when it is one that is fetched.

    Raises:
        ImageSourceRefused: it is not http or https, or has no host.
    """
    if url.scheme not in _SCHEMES or not url.host:
        raise ImageSourceRefused(
            f"images of the scheme {url.scheme + '://' if url.scheme else 'none'!r} are not "
            "fetched; http, https, data: URIs and Label Studio's own paths are. For cloud storage, "
            "turn on 'Use pre-signed URLs' in the project's storage settings"
        )
    return url


def describe_url(url: httpx.URL) -> str:
    """A URL for people and logs: without login and query, which may hold secrets."""
    shown = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}{url.path}"
    if url.path.endswith(_LOCAL_FILES_PATH):
        shown += f"?d={url.params.get('d', '')}"
    return shown
