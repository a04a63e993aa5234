"""From what a task says to the URL of its image."""

import httpx

from ..errors import ImageSourceRefused
from .account import LabelStudioAccount, require_account
from .cloud_uri import find_cloud_uri, is_cloud_uri, resolve_cloud_uri

_SCHEMES = ("http", "https")
_LOCAL_FILES_PATH = "/data/local-files/"


def locate_image(
    source: str, account: LabelStudioAccount | None, task_id: int | str | None = None
) -> httpx.URL:
    """The URL to fetch a task's image from.

    Args:
        source: a path in Label Studio, a URL, or a cloud URI.
        account: the project's Label Studio.
        task_id: the task, without which no cloud URI is opened.

    Raises:
        ImageSourceRefused: it is none of these, or of a scheme that is not fetched.
        LabelStudioUnknown: it is a path or a cloud URI and there is no account.
    """
    source = source.strip()
    try:
        if is_cloud_uri(source):
            return resolve_cloud_uri(source, account, task_id)
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
            "fetched; http, https, data: URIs, Label Studio's own paths, and s3://, gs:// and "
            "azure-blob:// through Label Studio are"
        )
    return url


def describe_url(url: httpx.URL) -> str:
    """A URL for people and logs: without login and query, which may hold secrets."""
    shown = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}{url.path}"
    if url.path.endswith(_LOCAL_FILES_PATH):
        shown += f"?d={url.params.get('d', '')}"
    uri = find_cloud_uri(url)
    return f"{shown} ({uri})" if uri else shown
