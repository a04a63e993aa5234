"""The ``Authorization`` header that Label Studio wants for each of its two kinds of token."""

import hashlib
import time
from collections.abc import Callable
from threading import Lock

import httpx

from ..connections.guarded_transport import GuardedTransport, waiting_until
from ..errors import ImageHostError, ImageHostUnreachable, ImageTokenRefused
from .account import LabelStudioAccount
from .image_location import describe_url

_EXCHANGE_PATH = "/api/token/refresh"
_TIMEOUT_S = 10.0
_MAX_ANSWER_BYTES = 100_000
# Label Studio's short-lived tokens are good for five minutes.
_KEEP_S = 240.0
_SCHEME = "Bearer "

TWO_KINDS = (
    "Label Studio has two kinds: a legacy token and a personal access token; in its organization's "
    "settings either kind can be turned off, and the token /setup brings is always a legacy one. "
    "Set LABEL_STUDIO_API_KEY to a token that is turned on, and LABEL_STUDIO_URL with it"
)


class TokenExchange:
    """Makes the header from an account's token. Safe between threads.

    A legacy token is shown as it is. A personal access token (a JWT) is exchanged for a short-lived
    one, which is kept until shortly before it expires.

    Args:
        transport: to Label Studio.
        clock: the transport's.
    """

    def __init__(
        self, transport: GuardedTransport, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._kept: dict[str, tuple[str, float]] = {}
        self._lock = Lock()

    def make_header(self, account: LabelStudioAccount) -> str | None:
        """The header's value, None for an account without a token.

        Raises:
            ImageTokenRefused: the token cannot be sent, or Label Studio refuses to exchange it.
            ImageHostError: Label Studio does not answer.
        """
        if account.token is None:
            return None
        token = account.token.get_secret_value().strip()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ImageTokenRefused(
                "Label Studio's token holds spaces or characters that cannot be sent; copy it "
                "again into LABEL_STUDIO_API_KEY"
            )
        if not _is_personal_access_token(token):
            return f"Token {token}"
        key = hashlib.sha256(f"{account.base_url}\n{token}".encode()).hexdigest()
        with self._lock:
            kept, expires_at = self._kept.get(key, ("", 0.0))
            if self._clock() >= expires_at:
                kept = self._exchange(account, token)
                self._kept = {key: (kept, self._clock() + _KEEP_S)}
        return _SCHEME + kept

    def forget(self, header: str | None) -> bool:
        """Do not use a short-lived token again: Label Studio refused it before it was to expire.

        Args:
            header: what ``make_header`` returned and Label Studio answered 401 to.

        Returns:
            Whether a new header is worth a try; a legacy token or none is refused for good.
        """
        if header is None or not header.startswith(_SCHEME):
            return False
        refused = header.removeprefix(_SCHEME)
        with self._lock:  # not one that another thread has got anew in the meantime
            self._kept = {key: kept for key, kept in self._kept.items() if kept[0] != refused}
        return True

    def _exchange(self, account: LabelStudioAccount, token: str) -> str:
        url = account.resolve(_EXCHANGE_PATH)
        request = httpx.Request(
            "POST",
            url,
            json={"refresh": token},
            extensions={"timeout": httpx.Timeout(_TIMEOUT_S).as_dict()},
        )
        try:
            with waiting_until(self._clock() + _TIMEOUT_S):
                response = self._transport.ask(request, _MAX_ANSWER_BYTES)
        except httpx.HTTPError as error:
            raise ImageHostUnreachable(
                f"{describe_url(url)} does not answer ({type(error).__name__}); is Label Studio "
                "up, and LABEL_STUDIO_URL right as seen from this service?"
            ) from error
        if response.status_code in (400, 401, 403):
            raise ImageTokenRefused(
                f"{describe_url(url)} refuses the personal access token ({response.status_code}): "
                "it is wrong, expired or revoked. Make a new one on Label Studio's account page "
                "and set LABEL_STUDIO_API_KEY"
            )
        if response.status_code == 429 or response.status_code >= 500:
            raise ImageHostUnreachable(
                f"{describe_url(url)} answers {response.status_code}; is Label Studio starting, or "
                "overloaded?"
            )
        return _read_access_token(response, url)


def _is_personal_access_token(token: str) -> bool:
    return token.startswith("ey") and token.count(".") == 2


def _read_access_token(response: httpx.Response, url: httpx.URL) -> str:
    try:
        access = response.json()["access"] if response.status_code == 200 else None
    except (ValueError, KeyError, TypeError):
        access = None
    if not isinstance(access, str) or not access.isascii() or not access.isprintable():
        raise ImageHostError(
            f"{describe_url(url)} answered {response.status_code} without an access token; is "
            "LABEL_STUDIO_URL really a Label Studio?"
        )
    return access
