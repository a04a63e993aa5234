"""The whole product on one machine: Redis, workers and backend, started and stopped together."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

import httpx
from redis import Redis
from rq import Worker

from .errors import StackError
from .processes import start_process, stop_process
from .redis_server import PrivateRedis

_READY_TIMEOUT_S = 90.0
_POLL_S = 0.05
_LOG_TAIL_LINES = 12
_WORKER = "worker-"
_MAX_RESTARTS = 3
_RESTART_WINDOW_S = 120.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StackConfig:
    """What to start.

    Attributes:
        port: of the backend; 0 takes a free one.
        host: address the backend listens on.
        workers: worker processes.
        redis_url: an existing Redis; None starts a private one.
        environment: settings handed to workers and backend on top of this process's own.
        log_folder: where each server writes its log; None lets them write to this terminal.
    """

    port: int = 9090
    host: str = "0.0.0.0"  # noqa: S104  Label Studio often runs in a container beside
    workers: int = 1
    redis_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    log_folder: Path | None = None


class Stack:
    """A running stack; leaving it stops everything it started, last started first.

    Raises:
        StackError: a server did not become ready; its log's end is in the message.
    """

    def __init__(self, config: StackConfig) -> None:
        self._config = config
        self._exit = ExitStack()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts: dict[str, list[float]] = {}
        self.port = config.port or _free_port()
        self.redis_url = config.redis_url or ""

    @property
    def url(self) -> str:
        """Where the backend answers on this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def children(self) -> Mapping[str, subprocess.Popen[bytes]]:
        """The servers by name, Redis excepted."""
        return self._children

    def __enter__(self) -> "Stack":
        try:
            self._start()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exit.close()

    def wait(self) -> None:
        """Block while all servers run; a worker that dies is started anew.

        Raises:
            StackError: the backend ended by itself, or a worker again and again.
        """
        while True:
            for name in list(self._children):
                if name.startswith(_WORKER) and self._children[name].poll() is not None:
                    self._restart_worker(name)
                self._check_running(name)
            time.sleep(0.5)

    def _restart_worker(self, name: str) -> None:
        """Start a worker that died; its job is taken up by whoever is first."""
        now = time.monotonic()
        recent = [t for t in self._restarts.get(name, []) if now - t < _RESTART_WINDOW_S]
        if len(recent) >= _MAX_RESTARTS:
            return  # it is found dead right after, and named
        self._restarts[name] = [*recent, now]
        logger.warning("%s ended with exit code %s; starting it anew", name,
                       self._children[name].returncode)  # fmt: skip
        self._spawn(name, "worker")

    def _start(self) -> None:
        _refuse_taken_port(self._config.host, self.port)
        if not self.redis_url:
            redis = self._exit.enter_context(PrivateRedis())
            self.redis_url = redis.url
        for number in range(1, self._config.workers + 1):
            self._spawn(f"{_WORKER}{number}", "worker")
        self._spawn("backend", "serve", "--port", str(self.port), "--host", self._config.host)
        self._wait_ready()

    def _spawn(self, name: str, *arguments: str) -> None:
        environment = {**os.environ, **self._config.environment, "ESAM_REDIS_URL": self.redis_url}
        if name.startswith(_WORKER):
            # Threads of two workers on one core wait for each other: an encode took ten times as
            # long. Each worker has its share of the cores.
            share = max(1, count_cores() // self._config.workers)
            environment.setdefault("OMP_NUM_THREADS", str(share))
        log = self._open_log(name)
        child = start_process([sys.executable, "-m", "esam", *arguments], environment, log)
        self._children[name] = child
        self._exit.callback(stop_process, child)

    def _open_log(self, name: str) -> IO[bytes] | None:
        if self._config.log_folder is None:
            return None
        self._config.log_folder.mkdir(parents=True, exist_ok=True)
        return self._exit.enter_context(self._log_path(name).open("ab"))

    def _log_path(self, name: str) -> Path:
        return (self._config.log_folder or Path()) / f"{name}.log"

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        redis = Redis.from_url(self.redis_url)
        try:
            while not (self._backend_answers() and self._workers_alive(redis)):
                for name in self._children:
                    self._check_running(name)
                if time.monotonic() > deadline:
                    raise StackError(f"not ready after {_READY_TIMEOUT_S:.0f} s")
                time.sleep(_POLL_S)
        finally:
            redis.close()

    def _workers_alive(self, redis: Redis) -> bool:
        return len(Worker.all(connection=redis)) >= self._config.workers

    def _backend_answers(self) -> bool:
        try:
            reply = httpx.get(f"{self.url}/health", timeout=1)
            # It says that it is alive before it can predict.
            return reply.is_success and "is_loading" not in reply.json()
        except (httpx.TransportError, ValueError):
            return False

    def _check_running(self, name: str) -> None:
        code = self._children[name].poll()
        if code is None:
            return
        tail = ""
        if self._config.log_folder is not None:
            lines = self._log_path(name).read_text(errors="replace").splitlines()
            tail = ":\n" + "\n".join(lines[-_LOG_TAIL_LINES:])
        raise StackError(f"{name} ended with exit code {code}{tail or '; see above'}")


def count_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StackError(
                f"port {port} cannot be used ({error.strerror}); choose another with --port"
            ) from error
