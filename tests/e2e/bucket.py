"""As much of cloud storage as Label Studio needs to open an image in it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Bucket:
    """An S3 endpoint where every file holds ``jpg``; a context manager.

    Attributes:
        url: of the endpoint.
        requests: path and ``Authorization`` of all it was asked.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str | None]] = []
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                bucket.requests.append((self.path, self.headers.get("Authorization")))
                is_there = "gone" not in self.path
                self.send_response(200 if is_there else 404)
                self.send_header("Content-Length", "3" if is_there else "0")
                self.send_header("Content-Type", "image/jpeg")
                self.send_header("ETag", '"c0ffee"')
                self.send_header("Last-Modified", "Mon, 23 Nov 2026 00:00:00 GMT")
                self.end_headers()
                if is_there and self.command == "GET":
                    self.wfile.write(b"jpg")

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> "Bucket":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
