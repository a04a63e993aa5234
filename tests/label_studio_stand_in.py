"""A small real server that stands in for Label Studio's API, for tests and the benchmark.

URLs, parameters and answers are those of Label Studio 1.23.2, as far as this product uses them;
``tests/e2e/test_client.py`` asks both the same. It misbehaves on request.
"""

import base64
import hashlib
import json
import re
import secrets
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .label_studio_project import Answer, Json, StandInProject, error, ok

EMAIL = "annotator@example.com"


@dataclass
class Misbehaviour:
    """What is done to the next requests whose method and path match."""

    pattern: str
    times: int
    answer: Answer | None
    is_handled_first: bool


@dataclass(frozen=True)
class Distance:
    """How long a server takes to answer, beside others as alone.

    Attributes:
        round_trip_s: of a request; a new connection takes two more, as with TLS.
        store_s: of a prediction that is posted, beside that.
    """

    round_trip_s: float = 0.0
    store_s: float = 0.0


class LabelStudioStandIn:
    """A Label Studio with one project on a loopback port; a context manager.

    Args:
        prefix: of all paths, as behind a proxy; part of ``url``.
        project: fields of ``StandInProject``, such as ``label_config`` or ``keeps_results``.

    Attributes:
        url: of the server.
        token: the legacy token; None refuses all legacy tokens, as an organization may.
        personal_access_token: exchanged at ``/api/token/refresh``.
        make_access_token: makes the short-lived tokens it is exchanged for.
        project: its tasks, annotations, drafts, predictions and views.
        cloud_files: content by URI such as ``s3://bucket/dog.jpg``, passed on by itself.
        requests: ``"POST /api/predictions/"`` of the last it was asked, without queries.
        connection_count: how many connections were made.
        last_cookie: what the last request sent back, None for no cookie.
        distance: how far away it is.
    """

    def __init__(self, prefix: str = "", **project: Any) -> None:
        self.project = StandInProject(**project)
        self.token: str | None = secrets.token_hex(20)
        self.personal_access_token = "ey.stand-in." + secrets.token_urlsafe(16)
        self.make_access_token: Callable[[], str] = lambda: secrets.token_urlsafe(16)
        self.cloud_files: dict[str, bytes] = {}
        self.requests: deque[str] = deque(maxlen=100_000)
        self._files: dict[str, bytes] = {}
        self._access_tokens: set[str] = set()
        self._misbehaviours: list[Misbehaviour] = []
        self._lock = threading.RLock()
        self._surprises: list[tuple[str, Callable[[], object]]] = []
        self.connection_count = 0
        self.last_cookie: str | None = None
        self.distance = Distance()
        self._prefix = prefix
        self._server = _make_server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}{prefix}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    def __enter__(self) -> "LabelStudioStandIn":
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def predictions(self) -> dict[int, list[Json]]:
        """What was posted, or put there, by task."""
        return self.project.predictions

    def add_tasks(self, data: Sequence[Json]) -> list[int]:
        """Import tasks such as ``{"image": "/data/upload/1/dog.jpg"}``; their ids."""
        with self._lock:
            return self.project.add(data)

    def add_image(self, name: str, content: bytes) -> str:
        """Upload a file; what a task says of it."""
        path = f"/data/upload/{self.project.id}/{secrets.token_hex(4)}-{name}"
        self._files[path] = content
        return path

    def delete_task(self, task_id: int) -> None:
        """Delete a task with its predictions, as an annotator does."""
        with self._lock:
            self.project.delete(task_id)

    def expire_tokens(self) -> None:
        """Refuse all short-lived tokens given out so far."""
        with self._lock:
            self._access_tokens.clear()

    def answer_next(
        self, pattern: str, status: int, *, times: int = 1, body: object = None, **headers: str
    ) -> None:
        """Answer the next matching requests with an error, and do nothing of what they ask.

        Args:
            pattern: a regular expression, found in ``"POST /api/predictions/"``.
            status: such as 429 or 502.
            times: how many requests.
            body: bytes are sent as HTML, anything else as JSON; Label Studio's own form of an
                error by default.
            headers: such as ``Retry_After="1"``.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = (status, error(status, "Unknown error")[1] if body is None else body, named)
        self._misbehaviours.append(Misbehaviour(pattern, times, answer, False))

    def drop_next(self, pattern: str, *, times: int = 1, is_handled_first: bool = False) -> None:
        """Break the connections of the next matching requests instead of answering.

        Args:
            pattern: as for ``answer_next``.
            times: how many requests.
            is_handled_first: whether what they ask is done before, such as a prediction stored.
        """
        self._misbehaviours.append(Misbehaviour(pattern, times, None, is_handled_first))

    def do_after_next(self, pattern: str, action: Callable[[], object]) -> None:
        """Do something after the next matching request was handled, before it is answered.

        Args:
            pattern: as for ``answer_next``.
            action: such as deleting a task.
        """
        self._surprises.append((pattern, action))

    def handle(self, method: str, target: str, authorization: str, body: bytes) -> Answer:
        """Answer a request.

        Raises:
            ConnectionAbortedError: the connection is to be broken instead.
        """
        if not target.startswith(f"{self._prefix}/"):
            return 404, b"<html>Not Found</html>", {}
        url = urlsplit(target.removeprefix(self._prefix))
        query, posted = dict(parse_qsl(url.query)), json.loads(body) if body else {}
        name = f"{method} {url.path}"
        with self._lock:
            self.requests.append(name)
            misbehaviour = self._find_misbehaviour(name)
            if misbehaviour is None or misbehaviour.is_handled_first:
                answer = self._route(method, url.path, query, authorization, posted)
            self._surprise(name)
        if misbehaviour is None:
            return answer
        if misbehaviour.answer is None:
            raise ConnectionAbortedError
        return misbehaviour.answer

    def _find_misbehaviour(self, name: str) -> Misbehaviour | None:
        for misbehaviour in self._misbehaviours:
            if misbehaviour.times > 0 and re.search(misbehaviour.pattern, name):
                misbehaviour.times -= 1
                return misbehaviour
        return None

    def _surprise(self, name: str) -> None:
        due = [one for one in self._surprises if re.search(one[0], name)]
        for one in due:
            self._surprises.remove(one)
            one[1]()

    def _route(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        authorization: str,
        posted: Json,
    ) -> Answer:
        if path == "/api/version":
            return ok({"release": "1.23.2"})
        if path == "/api/token/refresh":
            return self._exchange(posted)
        if not self._is_allowed(authorization):
            return error(401, "Invalid token.")
        if path == "/api/current-user/whoami":
            return ok({"id": 1, "email": EMAIL})
        if path == f"/api/projects/{self.project.id}":
            return self.project.describe()
        if path == "/api/tasks":
            return self.project.list_tasks(query)
        if path == "/api/predictions/" and method == "POST":
            return self.project.post_prediction(posted)
        if path == "/api/predictions/":
            return self.project.list_predictions(int(query["task"]))
        if method == "DELETE" and (found := re.fullmatch(r"/api/predictions/(\d+)/", path)):
            return self.project.delete_prediction(int(found[1]))
        if path in self._files:
            return 200, self._files[path], {"Content-Type": "image/jpeg"}
        if re.fullmatch(r"/tasks/\d+/resolve/", path):
            return self._resolve(base64.urlsafe_b64decode(query["fileuri"]).decode())
        return error(404, "No Project matches the given query.")

    def _is_allowed(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        if scheme == "Bearer":
            return token in self._access_tokens
        return scheme == "Token" and token == self.token

    def _exchange(self, posted: Json) -> Answer:
        if posted.get("refresh") != self.personal_access_token:
            return 401, {"detail": "Token is invalid", "code": "token_not_valid"}, {}
        self._access_tokens.add(token := self.make_access_token())
        return ok({"access": token})

    def _resolve(self, uri: str) -> Answer:
        content = self.cloud_files.get(uri)
        if content is None:
            return 404, b"", {}
        etag = f'"11{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        return 200, content, {"Content-Type": "image/jpeg", "ETag": etag}


def _make_server(stand_in: LabelStudioStandIn) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            stand_in.connection_count += 1
            time.sleep(2 * stand_in.distance.round_trip_s)
            super().setup()

        def do_GET(self) -> None:
            stand_in.last_cookie = self.headers.get("Cookie")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            store_s = stand_in.distance.store_s if self.command == "POST" else 0
            time.sleep(stand_in.distance.round_trip_s + store_s)
            try:
                authorization = self.headers.get("Authorization", "")
                answer = stand_in.handle(self.command, self.path, authorization, body)
            except ConnectionAbortedError:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._send(*answer)

        do_POST = do_DELETE = do_GET

        def _send(self, status: int, body: object, headers: dict[str, str]) -> None:
            is_html = isinstance(body, bytes)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            kind = {"Content-Type": "text/html" if is_html else "application/json"}
            for name, value in (kind | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that went away
                super().handle_error(request, client_address)  # type: ignore[arg-type]

    return Server(("127.0.0.1", 0), Handler)
