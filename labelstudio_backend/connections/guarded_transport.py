"""HTTP connections that go to checked addresses only, and are over at a given moment.

A name is resolved once, all its addresses are checked, and the connection goes to one of these: a
name server that answers differently a moment later changes nothing. Each wait of a client library
begins anew with every byte that arrives, so that a host which sends one byte a second would be
waited for without end, in its headers as in its body; here no wait goes beyond the deadline.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
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

# What a body that was decoded while it was read no longer is.
_ON_THE_WIRE = ("Content-Encoding", "Content-Length", "Transfer-Encoding")


class AnswerTooLong(httpx.TransportError):
    """A body has more bytes than the caller reads."""


class GuardedTransport(httpx.HTTPTransport):
    """Follows no redirects, keeps no cookies, logs no URLs and uses no proxy.

    Requests may raise ``ImageSourceRefused`` and ``ImageHostUnreachable`` beside httpx's errors.

    Args:
        reach: how far connections may go.
        deadline: when all must be over, by ``clock``; None leaves it to each request's timeouts.
        kept_connections: how many stay open between requests.
        clock: monotonic seconds.
        resolve: finds a host's addresses.
    """

    def __init__(
        self,
        reach: Reach,
        *,
        deadline: float | None = None,
        kept_connections: int = 0,
        clock: Clock = time.monotonic,
        resolve: Resolve = resolve_host,
    ) -> None:
        super().__init__(verify=_ssl_context(), trust_env=False)
        # httpx has no parameter for it.
        self._pool = httpcore.ConnectionPool(
            ssl_context=_ssl_context(),
            max_connections=kept_connections or None,
            max_keepalive_connections=kept_connections,
            network_backend=_GuardedNetwork(reach, _Deadline(deadline, clock), resolve),
        )

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


class _Deadline:
    def __init__(self, deadline: float | None, clock: Clock) -> None:
        self._deadline = deadline
        self._clock = clock

    def cut(self, timeout: float | None, error: type[Exception]) -> float | None:
        """The timeout, or what is left; raises the error when nothing is."""
        if self._deadline is None:
            return timeout
        left_s = self._deadline - self._clock()
        if left_s <= 0:
            raise error("timed out")
        return left_s if timeout is None else min(timeout, left_s)


class _GuardedNetwork(httpcore.NetworkBackend):
    def __init__(self, reach: Reach, deadline: _Deadline, resolve: Resolve) -> None:
        self._reach = reach
        self._deadline = deadline
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
                left_s = self._deadline.cut(timeout, httpcore.ConnectTimeout)
                stream = self._network.connect_tcp(
                    str(address), port, left_s, local_address, socket_options
                )
                return _GuardedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _GuardedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Whatever has arrived."""
        if _TCP_QUICKACK is not None:
            with suppress(OSError):  # what is wrong is said when it is read
                connection = self._stream.get_extra_info("socket")
                connection.setsockopt(socket.IPPROTO_TCP, _TCP_QUICKACK, 1)
        return self._stream.read(max_bytes, self._deadline.cut(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self._stream.write(buffer, self._deadline.cut(timeout, httpcore.WriteTimeout))

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
        left_s = self._deadline.cut(timeout, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left_s)
        return _GuardedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._stream.get_extra_info(info)


@lru_cache
def _ssl_context() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than most requests."""
    return httpx.create_ssl_context(trust_env=False)
