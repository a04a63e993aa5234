"""The task's image over HTTP: bounded in bytes and time, the token for Label Studio alone."""

import logging
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice

import httpx

from ..connections.addresses import Reach, Resolve, resolve_host
from ..connections.guarded_transport import GuardedTransport, waiting_until
from ..errors import ImageHostError, ImageHostUnreachable
from ..label_studio.account import LabelStudioAccount
from ..label_studio.image_location import check_scheme, describe_url, locate_image
from ..label_studio.token import TokenExchange
from ..settings import BackendSettings
from .data_uri import SCHEME, decode_data_uri
from .response import check_response, explain_too_large, make_alias

_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 10.0
_KEPT_CONNECTIONS = 32


@dataclass(frozen=True)
class ImageSource:
    """An image whose content has not been read yet.

    Attributes:
        alias: names this content as long as the host's validators stay the same; None when the
            host sent none. Holds the URL as it is: not for logs.
        read: reads the content.
        sha256: of the content, where it is known before it is read.
    """

    alias: str | None = field(repr=False)
    read: Callable[[], bytes]
    sha256: str | None = None


class ImageFetcher:
    """Opens the images that tasks name. Safe between threads.

    Connections to hosts are kept for the next image, and closed when the fetcher is gone: many
    images lie on one host, and a new TLS connection costs two round trips.

    Args:
        max_bytes: the largest image file.
        timeout_s: the longest time one image may take, from the first connection to the last byte.
        max_redirects: how many are followed.
        is_private_address_allowed: whether other hosts than Label Studio may be private.
        clock: monotonic seconds.
        resolve: finds a host's addresses.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout_s: float,
        max_redirects: int = 5,
        is_private_address_allowed: bool = False,
        clock: Callable[[], float] = time.monotonic,
        resolve: Resolve = resolve_host,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._max_redirects = max_redirects
        self._clock = clock
        # httpcore's debug lines hold redirects whole, signed URLs among them.
        logging.getLogger("httpcore").setLevel(logging.INFO)
        # One each: a connection that may go to Label Studio is none that a task may name.
        self._transports = {
            reach: GuardedTransport(
                Reach.ANYWHERE if is_private_address_allowed else reach,
                kept_connections=_KEPT_CONNECTIONS,
                clock=clock,
                resolve=resolve,
            )
            for reach in (Reach.LABEL_STUDIO, Reach.PUBLIC)
        }
        for transport in self._transports.values():
            weakref.finalize(self, transport.close)
        self._tokens = TokenExchange(self._transports[Reach.LABEL_STUDIO], clock)

    @classmethod
    def from_settings(cls, settings: BackendSettings) -> "ImageFetcher":
        """With the limits that an operator set."""
        return cls(
            max_bytes=settings.image_max_bytes,
            timeout_s=settings.image_timeout_s,
            max_redirects=settings.image_max_redirects,
            is_private_address_allowed=settings.is_private_address_allowed,
        )

    @contextmanager
    def open(
        self,
        source: str,
        account: LabelStudioAccount | None,
        task_id: int | str | None = None,
    ) -> Iterator[ImageSource]:
        """Open an image; its content is read only when asked for.

        Args:
            source: what the task says: a ``data:`` URI, a path in Label Studio, a URL, or a cloud
                URI such as ``s3://bucket/dog.jpg``.
            account: the project's Label Studio.
            task_id: the task, without which no cloud URI is opened.

        Raises:
            ImageUnusable, ImageMissing, ImageSourceRefused: the image cannot be used.
            ImageHostError: its host does not answer, or not with an image.
        """
        if source[: len(SCHEME)].lower() == SCHEME:
            yield ImageSource(None, lambda: decode_data_uri(source, self._max_bytes))
            return
        url = locate_image(source, account, task_id)
        deadline = self._clock() + self._timeout_s
        response, final_url = self._follow(url, account, deadline)
        try:
            check_response(response, url, final_url, account, self._max_bytes)
            alias = make_alias(url, response, account)
            yield ImageSource(alias, lambda: self._read(response, final_url, deadline))
        finally:
            response.close()

    def _follow(
        self, url: httpx.URL, account: LabelStudioAccount | None, deadline: float
    ) -> tuple[httpx.Response, httpx.URL]:
        """Send, following redirects by hand: each hop is checked like the first."""
        for _ in range(self._max_redirects + 1):
            response = self._send(url, account, deadline)
            if not response.has_redirect_location:
                return response, url
            location = response.headers["Location"]
            _pass_over_body(response, deadline)
            try:
                url = check_scheme(url.join(location))
            except (httpx.InvalidURL, ValueError) as error:
                raise ImageHostError(f"{describe_url(url)} redirects to a malformed URL") from error
        raise ImageHostError(
            f"{describe_url(url)} redirects more than {self._max_redirects} times; "
            "ESAM_IMAGE_MAX_REDIRECTS is the limit"
        )

    def _send(
        self, url: httpx.URL, account: LabelStudioAccount | None, deadline: float
    ) -> httpx.Response:
        """Send with the token where it belongs."""
        is_studio = account is not None and account.owns(url)
        reach = Reach.LABEL_STUDIO if is_studio else Reach.PUBLIC
        own = account if account is not None and account.has_file_at(url) else None
        authorization = self._tokens.make_header(own) if own else None
        response = self._request(url, reach, authorization, deadline)
        if response.status_code == 401 and own and self._tokens.forget(authorization):
            response.close()
            authorization = self._tokens.make_header(own)
            response = self._request(url, reach, authorization, deadline)
        return response

    def _request(
        self, url: httpx.URL, reach: Reach, authorization: str | None, deadline: float
    ) -> httpx.Response:
        """Send, and read the response's headers."""
        timeout = httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
        headers = _make_headers(url, authorization)
        request = httpx.Request(
            "GET", url, headers=headers, extensions={"timeout": timeout.as_dict()}
        )
        try:
            with waiting_until(deadline):
                response = self._transports[reach].send_repeatable(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _explain_unreachable(url, error) from error
        except httpx.TimeoutException as error:
            raise self._explain_timeout(url) from error
        except httpx.HTTPError as error:
            raise ImageHostError(
                f"{describe_url(url)} does not answer in HTTP ({type(error).__name__})"
            ) from error
        response.request = request
        return response

    def _read(self, response: httpx.Response, url: httpx.URL, deadline: float) -> bytes:
        content = bytearray()
        try:
            with waiting_until(deadline):
                # As sent: what was not asked for encoded is no image, however small it looks.
                for chunk in response.iter_raw():
                    content += chunk
                    if len(content) > self._max_bytes:
                        too_long = f"more than {self._max_bytes:,}"
                        raise explain_too_large(url, too_long, self._max_bytes)
        except httpx.TimeoutException as error:
            raise self._explain_timeout(url) from error
        except httpx.HTTPError as error:
            raise ImageHostError(
                f"{describe_url(url)} broke off after {len(content):,} bytes "
                f"({type(error).__name__})"
            ) from error
        return bytes(content)

    def _explain_timeout(self, url: httpx.URL) -> ImageHostUnreachable:
        return ImageHostUnreachable(
            f"{describe_url(url)} did not send the image within {self._timeout_s:g} s; is the host "
            "overloaded? ESAM_IMAGE_TIMEOUT_S is the limit"
        )


def _pass_over_body(response: httpx.Response, deadline: float) -> None:
    """Read what little a redirect says beside where to: else its connection cannot be kept."""
    with suppress(httpx.HTTPError), waiting_until(deadline), closing(response):
        for _ in islice(response.iter_raw(), 2):
            pass


def _make_headers(url: httpx.URL, authorization: str | None) -> dict[str, str]:
    headers = {
        "Host": url.netloc.decode("ascii"),
        # Label Studio's file views answer 406 to a caller that takes images only.
        "Accept": "*/*",
        # The bytes on the wire are the bytes of the file: what is bounded is what is kept.
        "Accept-Encoding": "identity",
        "User-Agent": "efficientsam-labelstudio",
    }
    return headers | ({"Authorization": authorization} if authorization else {})


def _explain_unreachable(url: httpx.URL, error: httpx.HTTPError) -> ImageHostUnreachable:
    return ImageHostUnreachable(
        f"{describe_url(url)} cannot be reached from this service ({error}); inside Docker, "
        "localhost is the container itself: set LABEL_STUDIO_URL to "
        "http://host.docker.internal:8080 or to Label Studio's service name"
    )
