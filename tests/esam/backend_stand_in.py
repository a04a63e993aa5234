"""The calls of our backend that the commands use, on a real server that does what a test says."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]

MODEL_VERSION = "efficientsam-nano-0badcafe"
IDENTITY = "nano-0badcafe-p1"


def make_run(**changes: object) -> Json:
    """A run as the backend says it."""
    return {
        "id": "3f2a",
        "kind": "prelabel",
        "project": 3,
        "project_title": "Dogs [old]",
        "label_studio_url": "http://localhost:8080",
        "model_version": MODEL_VERSION,
        "prompts": "regions",
        "state": "running",
        "reason": None,
        "created_at": "2026-01-02T03:04:05+00:00",
        "finished_at": None,
        "total": 10,
        "done": 0,
        "skipped": 0,
        "already_predicted": 0,
        "failed": 0,
        "rate_per_s": None,
        "time_left_s": None,
        "learning": None,
        "report": None,
        **changes,
    }


def make_queue(waiting: int = 0, **changes: object) -> Json:
    """A queue as the backend says it."""
    return {"waiting": waiting, "running": 0, "failed": 0, "oldest_s": None, **changes}


def make_status(**changes: object) -> Json:
    """The answer of a backend that is well."""
    return {
        "model_version": MODEL_VERSION,
        "embedding_identity": IDENTITY,
        "redis": {
            "is_reachable": True,
            "detail": None,
            "version": "7.0.15",
            "eviction_policy": "volatile-lru",
            "maxmemory_bytes": 1024**3,
            "used_memory_bytes": 5 * 1024**2,
            "has_queue_safe_eviction": True,
        },
        "workers": [
            {
                "name": "w1",
                "process": "box:4711",
                "last_heartbeat_at": "2026-01-02T03:04:05+00:00",
                "state": "idle",
                "device": "cpu",
                "dtype": "bfloat16",
                "model_version": MODEL_VERSION,
                "embedding_identity": IDENTITY,
            }
        ],
        "queues": {name: make_queue() for name in ("interactive", "prefetch", "batch")},
        "label_studio_url": "http://localhost:8080",
        "has_label_studio_token": True,
        "prelabel": "regions",
        "cache": {
            "process_hits": 0,
            "redis_hits": 0,
            "misses": 0,
            "process_bytes": 0,
            "process_max_bytes": 256 * 1024**2,
            "process_evicted": 0,
            "redis_evicted": 0,
        },
        "encoded_images": {},
        "runs": [],
        "failures": [],
        "versions": {"torch": "2.13.0", "torchvision": "0.28.0"},
        **changes,
    }


class BackendStandIn:
    """A backend whose answers a test writes beforehand.

    Attributes:
        answers: by method and path, what to answer one call after the other, the last for ever:
            a body, a status with a body, or None to break the connection off.
        calls: (method, path, body) of all it was asked.
        login: user and password it asks for.
        on_call: called before each answer.
    """

    def __init__(self, port: int = 0) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.login: tuple[str, str] | None = None
        self.on_call: Callable[[], None] = lambda: None
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(BrokenPipeError, ConnectionResetError):
                    stand_in._answer(self)

            do_POST = do_GET

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def say(self, call: str, *answers: object) -> None:
        """``say("GET /runs", ...)``: what to answer, one call after the other."""
        self.answers[call] = list(answers)

    def body_of(self, call: str) -> Any:
        """The body of the only call of this kind."""
        (body,) = [body for method, path, body in self.calls if f"{method} {path}" == call]
        return body

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = json.loads(handler.rfile.read(length)) if length else None
        self.calls.append((handler.command, handler.path, body))
        self.on_call()
        if not self._is_logged_in(handler):
            _send(handler, 401, {"error": "login_required", "detail": "log in"})
            return
        missing = {"error": "no_such_call", "detail": f"{handler.command} {handler.path}: none"}
        waiting = self.answers.get(f"{handler.command} {handler.path}", [(404, missing)])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if answer is None:
            handler.close_connection = True
        elif isinstance(answer, tuple):
            _send(handler, *answer)
        else:
            _send(handler, 200, answer)

    def _is_logged_in(self, handler: BaseHTTPRequestHandler) -> bool:
        if self.login is None:
            return True
        expected = base64.b64encode(":".join(self.login).encode()).decode()
        return handler.headers.get("Authorization") == f"Basic {expected}"


def _send(handler: BaseHTTPRequestHandler, status: int, body: object) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@contextmanager
def run_backend_stand_in(port: int = 0) -> Iterator[BackendStandIn]:
    backend = BackendStandIn(port)
    try:
        yield backend
    finally:
        backend.close()


FINISHED = make_run(
    state="finished", done=10, finished_at="2026-01-02T03:04:15+00:00", rate_per_s=12.3
)
FAILURES = {"failures": [{"task": n, "reason": f"the image [{n}] is gone"} for n in range(1, 31)]}
