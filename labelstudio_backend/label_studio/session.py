"""Single calls of Label Studio's API: the token, and connections that are kept."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import httpx

from ..connections.addresses import Reach
from ..connections.guarded_transport import AnswerTooLong, GuardedTransport
from ..errors import (
    BackendError,
    ImageHostError,
    ImageHostUnreachable,
    ImageSourceRefused,
    ImageTokenRefused,
    LabelStudioError,
    LabelStudioTokenRefused,
)
from .account import LabelStudioAccount
from .answers import NOT_LABEL_STUDIO, read_own_words
from .image_location import describe_url
from .patience import CallFailed, Patience
from .token import TWO_KINDS, TokenExchange

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_NOT_NOW = (408, 429)  # the request was not taken; asking later may help
_MAX_CONNECTIONS = 32
_MAX_ANSWER_BYTES = 512 * 2**20


class LabelStudioSession:
    """Sends to one Label Studio. Safe between threads.

    Args:
        account: where it is, and the token.
        patience_s: how long a call is repeated.
        clock: monotonic seconds.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        account: LabelStudioAccount,
        *,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account = account
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        # A transport and no client: redirects are not followed, so that the token stays here; URLs
        # are not logged; and no cookies are kept, because Label Studio asks whoever shows its
        # session cookie for a CSRF token as well.
        self._transport = GuardedTransport(
            Reach.LABEL_STUDIO,
            kept_connections=_MAX_CONNECTIONS,
            max_connections=_MAX_CONNECTIONS,
            clock=clock,
        )
        self._tokens = TokenExchange(self._transport, clock)

    def be_patient(self, max_faults: int | None = None) -> Patience:
        """The waits of one call."""
        return Patience(self._patience_s, self._clock, self._sleep, max_faults)

    def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        patience: Patience | None = None,
    ) -> httpx.Response:
        """Call until there is an answer; only for calls that may be repeated.

        Returns:
            An answer with any status but a redirect, 401, 403, 408, 429 and 5xx.

        Raises:
            LabelStudioUnreachable: Label Studio does not answer while patience lasts.
            LabelStudioTokenRefused: it refuses the token.
            LabelStudioError: it redirects, or fails again and again.
            CallFailed: more of its own faults than ``patience`` bears.
        """
        patience = patience or self.be_patient()
        while True:
            try:
                return self.send(method, path, params)
            except CallFailed as failure:
                patience.wait(failure)

    def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Call once.

        Raises:
            CallFailed: it may go better the next time.
            LabelStudioTokenRefused, LabelStudioError: as ``ask``.
        """
        url = self._account.resolve(path).copy_merge_params(params or {})
        authorization = self._authorize()
        response = self._send(method, url, authorization, content)
        if response.status_code == 401 and self._tokens.forget(authorization):
            response = self._send(method, url, self._authorize(), content)
        self._check(response, url)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def _authorize(self) -> str | None:
        try:
            return self._tokens.make_header(self._account)
        except ImageTokenRefused as error:
            raise LabelStudioTokenRefused(error.detail) from error
        except ImageHostUnreachable as error:
            raise CallFailed(error.detail, may_have_arrived=False) from error
        except (ImageHostError, ImageSourceRefused) as error:
            raise LabelStudioError(error.detail) from error

    def _send(
        self, method: str, url: httpx.URL, authorization: str | None, content: bytes | None
    ) -> httpx.Response:
        headers = {"Accept": "application/json", "User-Agent": "efficientsam-labelstudio"}
        if authorization is not None:
            headers["Authorization"] = authorization
        if content is not None:
            headers["Content-Type"] = "application/json"
        extensions = {"timeout": _TIMEOUT.as_dict()}
        request = httpx.Request(
            method, url, headers=headers, content=content, extensions=extensions
        )
        try:
            return self._transport.ask(request, _MAX_ANSWER_BYTES)
        except AnswerTooLong as error:
            raise LabelStudioError(
                f"{describe_url(url)} answers with {error}; {NOT_LABEL_STUDIO}"
            ) from error
        except ImageSourceRefused as error:
            raise LabelStudioError(error.detail) from error
        except ImageHostUnreachable as error:
            raise CallFailed(error.detail, may_have_arrived=False) from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise CallFailed(_describe(url, error), may_have_arrived=False) from error
        except httpx.HTTPError as error:
            raise CallFailed(_describe(url, error)) from error

    def _check(self, response: httpx.Response, url: httpx.URL) -> None:
        status, shown = response.status_code, f"{describe_url(url)} answered {response.status_code}"
        if status in (401, 403):
            raise self._explain_refusal(shown)
        if status in _NOT_NOW or status >= 500:
            words = read_own_words(response)
            raise CallFailed(
                f"{shown}{words and f' ({words})'}",
                may_have_arrived=status not in _NOT_NOW,
                retry_after_s=_read_retry_after(response),
                is_fault=status == 500 and bool(words),
            )
        if response.is_redirect:
            raise LabelStudioError(
                f"{shown} and redirects to {_describe_target(response, url)}; {NOT_LABEL_STUDIO}"
            )

    def _explain_refusal(self, shown: str) -> BackendError:
        if self._account.token is None:
            return LabelStudioTokenRefused(
                f"{shown}: Label Studio wants a token and none is set. Set LABEL_STUDIO_URL and "
                "LABEL_STUDIO_API_KEY"
            )
        return LabelStudioTokenRefused(
            f"{shown}: Label Studio refuses the token it was shown; it is wrong, expired, of the "
            f"wrong kind, or its user may not do this. {TWO_KINDS}"
        )


def _describe(url: httpx.URL, error: httpx.HTTPError) -> str:
    return f"{describe_url(url)} does not answer ({type(error).__name__}: {error})"


def _describe_target(response: httpx.Response, url: httpx.URL) -> str:
    try:
        return describe_url(url.join(response.headers["Location"]))
    except (httpx.InvalidURL, ValueError):
        return "a malformed URL"


def _read_retry_after(response: httpx.Response) -> float:
    """Seconds, from either of the header's two forms; 0 where there is none."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=timezone.utc)
    return max((until - datetime.now(timezone.utc)).total_seconds(), 0.0)
