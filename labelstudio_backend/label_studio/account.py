"""Where a project's Label Studio is, and the token that may be shown to it and to nobody else."""

import re
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from ..errors import LabelStudioUnknown
from ..projects import ProjectSetup
from ..settings import BackendSettings

Origin = tuple[str, str, int | None]
"""Scheme, host and port: what the same-origin rule compares."""

# Where Label Studio keeps files, and opens those of cloud storage.
_FILES = re.compile(r"/(data|storage-data|(tasks|projects)/\d+/(resolve|presign))/")

_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: httpx.URL) -> Origin:
    """The origin of a URL, its default port filled in."""
    return url.scheme, url.host.lower(), url.port or _DEFAULT_PORTS.get(url.scheme)


@dataclass(frozen=True)
class LabelStudioAccount:
    """One Label Studio as seen from here.

    Attributes:
        base_url: where it is reached; may have a path.
        token: what it is shown, None when there is none.
        other_origin: where Label Studio believes it is, when that is not where it is reached:
            the URLs in its tasks start there.
    """

    base_url: httpx.URL
    token: SecretStr | None = None
    other_origin: Origin | None = None

    def owns(self, url: httpx.URL) -> bool:
        """Whether a URL lies on this Label Studio."""
        return origin_of(url) == origin_of(self.base_url)

    def has_file_at(self, url: httpx.URL) -> bool:
        """Whether a URL is one of this Label Studio's files, so that it may see the token.

        The token opens the whole API, and who writes a task's URL need not be who owns the token.
        """
        path, prefix = url.path, self.base_url.path.rstrip("/")
        is_plain = not {".", ".."} & set(re.split(r"[/\\]", path))
        is_below = path.startswith(prefix + "/")
        return self.owns(url) and is_plain and is_below and bool(_FILES.match(path[len(prefix) :]))

    def resolve(self, path: str) -> httpx.URL:
        """The URL of a path such as ``/data/upload/1/0c16fb5e-dog.jpg``."""
        prefix = self.base_url.path.rstrip("/")
        if prefix and not path.startswith(prefix + "/"):
            path = prefix + path
        return self.base_url.join(path)

    def reach(self, url: httpx.URL) -> httpx.URL:
        """The same URL, on the origin where this Label Studio is reached from here."""
        if self.other_origin is None or origin_of(url) != self.other_origin:
            return url
        base = self.base_url
        return url.copy_with(scheme=base.scheme, host=base.host, port=base.port)


def find_account(
    settings: BackendSettings, setup: ProjectSetup | None
) -> LabelStudioAccount | None:
    """The Label Studio of a project: what the operator set first, else what ``/setup`` said.

    A token only ever goes with the URL it came with: the one in the environment with
    ``LABEL_STUDIO_URL``, the one from ``/setup`` with that call's hostname.
    """
    stated = _read_url(setup.hostname) if setup else None
    if settings.label_studio_url is None:
        if setup is None or stated is None:
            return None
        return LabelStudioAccount(stated, setup.access_token)
    base_url = httpx.URL(settings.label_studio_url)
    token = settings.label_studio_api_key
    is_same = stated is not None and origin_of(stated) == origin_of(base_url)
    if token is None and setup is not None and is_same:
        token = setup.access_token
    other_origin = None if stated is None or is_same else origin_of(stated)
    return LabelStudioAccount(base_url, token, other_origin)


def require_account(account: LabelStudioAccount | None, path: str) -> LabelStudioAccount:
    """The account, when an image cannot be found without it.

    Raises:
        LabelStudioUnknown: there is none.
    """
    if account is None:
        raise LabelStudioUnknown(
            f"the image {path!r} lies in Label Studio, but this service does not know where that "
            "is: set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, or open the project's model "
            "settings once, so that Label Studio says so"
        )
    return account


def _read_url(hostname: str | None) -> httpx.URL | None:
    if not hostname:
        return None
    try:
        url = httpx.URL(hostname.rstrip("/"))
    except httpx.InvalidURL:
        return None
    if url.scheme not in _DEFAULT_PORTS or not url.host:
        return None
    return url.copy_with(userinfo=b"") if url.userinfo else url
