"""HTTP connections that go to checked addresses only, and no wait goes beyond a given moment.

A name is resolved once, all its addresses are checked, and the connection goes to one of these: a
name server that answers differently a moment later changes nothing. Each wait of a client library
begins anew with every byte that arrives, so that a host which sends one byte a second would be
waited for without end, in its headers as in its body; here no wait goes beyond the deadline.

Connections that are kept are asked again without being opened and checked anew. Which deadline
counts depends on who asks, so it belongs to the thread and not to the connection.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import httpcore
import httpx

from ..errors import ImageHostUnreachable
from .addresses import Reach, Resolve, check_addresses, resolve_host

Clock = Callable[[], float]


# A server that sends headers and body one after the other, as `label-studio start` does, waits with
# the second until the first is acknowledged, and Linux does that after 40 ms; other systems have no
# such option. It lasts for a few packets.
_TCP_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
# A host that closes a connection is noticed before it is used again; a firewall that forgets one
# says nothing, after some minutes.
_KEEP_FOR_S = 30.0

_CONNECTED = "connection.connect_tcp.complete"

# What a body that was decoded while it was read no longer is.
_ON_THE_WIRE = ("Content-Encoding", "Content-Length", "Transfer-Encoding")

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class AnswerTooLong(httpx.TransportError):
    """A body has more bytes than the caller reads."""


@contextmanager
def waiting_until(deadline: float) -> Iterator[None]:
    """Let no wait for a host, in this thread and in the body, go beyond a moment.

    Args:
        deadline: by the clock of the transport that waits.
    """
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


class GuardedTransport(httpx.HTTPTransport):
    """Follows no redirects, keeps no cookies, logs no URLs and uses no proxy.

    Requests may raise ``ImageSourceRefused`` and ``ImageHostUnreachable`` beside httpx's errors.

    Args:
        reach: how far connections may go.
        kept_connections: how many stay open between requests.
        max_connections: how many there are at a time, None for any number.
        clock: monotonic seconds.
        resolve: finds a host's addresses.
    """

    def __init__(
        self,
        reach: Reach,
        *,
        kept_connections: int = 0,
        max_connections: int | None = None,
        clock: Clock = time.monotonic,
        resolve: Resolve = resolve_host,
    ) -> None:
        super().__init__(verify=_ssl_context(), trust_env=False)
        # httpx has no parameter for it.
        self._pool = httpcore.ConnectionPool(
            ssl_context=_ssl_context(),
            max_connections=max_connections,
            max_keepalive_connections=kept_connections,
            keepalive_expiry=_KEEP_FOR_S,
            network_backend=_GuardedNetwork(reach, clock, resolve),
        )

    def send_repeatable(self, request: httpx.Request) -> httpx.Response:
        """Send a request that may arrive twice, and read its answer's headers.

        A host may close a connection that was kept in the moment in which it is used again; then
        the request goes through another one.
        """
        steps: list[str] = []
        request.extensions["trace"] = lambda step, _: steps.append(step)
        while True:
            try:
                return self.handle_request(request)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                if _CONNECTED in steps:
                    raise

    def ask(self, request: httpx.Request, max_bytes: int) -> httpx.Response:
        """Send a request and read its whole answer.

        Raises:
            AnswerTooLong: the body has more than ``max_bytes``.
        """
        response = self.handle_request(request)
        content = bytearray()
        try:
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > max_bytes:
                    raise AnswerTooLong(f"more than {max_bytes:,} bytes", request=request)
        finally:
            response.close()
        headers = response.headers.copy()
        for name in _ON_THE_WIRE:
            headers.pop(name, None)
        return httpx.Response(
            response.status_code, headers=headers, content=bytes(content), request=request
        )


def _cut(timeout: float | None, clock: Clock, error: type[Exception]) -> float | None:
    """The timeout, or what is left; raises the error when nothing is."""
    deadline = _deadline.get()
    if deadline is None:
        return timeout
    left_s = deadline - clock()
    if left_s <= 0:
        raise error("timed out")
    return left_s if timeout is None else min(timeout, left_s)


class _GuardedNetwork(httpcore.NetworkBackend):
    def __init__(self, reach: Reach, clock: Clock, resolve: Resolve) -> None:
        self._reach = reach
        self._clock = clock
        self._resolve = resolve
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers."""
        addresses = self._resolve(host, port)
        check_addresses(host, addresses, self._reach)
        failure: Exception = ImageHostUnreachable(f"the host {host!r} has no address")
        for address in addresses:
            try:
                left_s = _cut(timeout, self._clock, httpcore.ConnectTimeout)
                stream = self._network.connect_tcp(
                    str(address), port, left_s, local_address, socket_options
                )
                return _GuardedStream(stream, self._clock)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _GuardedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Whatever has arrived."""
        if _TCP_QUICKACK is not None:
            with suppress(OSError):  # what is wrong is said when it is read
                connection = self._stream.get_extra_info("socket")
                connection.setsockopt(socket.IPPROTO_TCP, _TCP_QUICKACK, 1)
        return self._stream.read(max_bytes, _cut(timeout, self._clock, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self._stream.write(buffer, _cut(timeout, self._clock, httpcore.WriteTimeout))

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Go on encrypted; the certificate is checked against the name."""
        left_s = _cut(timeout, self._clock, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left_s)
        return _GuardedStream(stream, self._clock)

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._stream.get_extra_info(info)


@lru_cache
def _ssl_context() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than most requests."""
    return httpx.create_ssl_context(trust_env=False)
