"""TLS in front of a plain server, with a certificate that a test's own authority signed."""

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import trustme

_CHUNK_BYTES = 65_536


class TlsRelay:
    """Takes TLS connections on a loopback port and passes them on to a unix socket.

    Args:
        target: the socket.
        authority_file: where the authority's certificate is written (PEM).

    Attributes:
        port: where it listens, on 127.0.0.1.
    """

    def __init__(self, target: Path, authority_file: Path) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(authority_file))
        self._target = target
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accepter = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "TlsRelay":
        self._accepter.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepter.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._pass_on, args=(connection,), daemon=True).start()

    def _pass_on(self, connection: socket.socket) -> None:
        with (
            suppress(OSError),  # ssl.SSLError is one: who does not trust us hangs up
            connection,
            self._context.wrap_socket(connection, server_side=True) as client,
            socket.socket(socket.AF_UNIX) as server,
        ):
            server.connect(str(self._target))
            answers = threading.Thread(target=_pump, args=(server, client), daemon=True)
            answers.start()
            _pump(client, server)
            answers.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on until one side ends; then end both."""
    with suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            sink.sendall(chunk)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
