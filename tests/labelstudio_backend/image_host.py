"""A real web server for images, and images for it."""

import io
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Host:
    """A web server on loopback; ``requests`` holds (path, headers) of all it was asked.

    Args:
        tls: its certificate; without one it is a plain server.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.requests.append((self.path, dict(self.headers)))
                answer = host.answers.get(self.path, send_not_found)
                with suppress(BrokenPipeError, ConnectionResetError):  # the client had enough
                    answer(self)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self._scheme = "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def authorizations(self) -> list[str | None]:
        return [headers.get("Authorization") for _, headers in self.requests]

    def serve(self, path: str, content: bytes, status: int = 200, **headers: str) -> str:
        self.answers[path] = lambda handler: send(handler, status, content, **headers)
        return self.url + path

    def redirect(self, path: str, location: str) -> str:
        return self.serve(path, b"", 302, Location=location)

    def forget(self) -> None:
        """Leave nothing of the test before."""
        self.answers = {}
        self.requests = []

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, content: bytes, **headers: str) -> None:
    """Answer with a body; ``Content_Type`` stands for ``Content-Type``."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


def send_not_found(handler: BaseHTTPRequestHandler) -> None:
    send(handler, 404, b"no such file")


@contextmanager
def run_host(tls: ssl.SSLContext | None = None) -> Iterator[Host]:
    host = Host(tls)
    yield host
    host.close()


def make_png(rgb: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()
