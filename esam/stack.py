"""The whole product on one machine: Redis, workers and backend, started and stopped together."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

import httpx
from redis import Redis
from rq import Worker

from .errors import StackError
from .processes import start_process, stop_processes
from .redis_server import PrivateRedis
from .restart_pauses import RestartPauses

_READY_TIMEOUT_S = 90.0
_POLL_S = 0.05
_LOG_TAIL_LINES = 12
_WORKER = "worker-"
_BACKEND = "backend"
# What a process needs beside what it has in hand: unregister, close, exit.
_EXIT_S = 10.0

logger = logging.getLogger(__name__)

LEARNED_FOLDER = Path(__file__).resolve().parents[1] / "weights" / "learned"
"""In ``core.WEIGHTS_FOLDER``, which this process would have to load torch for."""


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
        drain_timeout_s: how long a server that is told to stop may go on with what it has in hand.
    """

    port: int = 9090
    host: str = "0.0.0.0"  # noqa: S104  Label Studio often runs in a container beside
    workers: int = 1
    redis_url: str | None = field(default=None, repr=False)  # may hold a password
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    log_folder: Path | None = None
    drain_timeout_s: float = 20.0


class Stack:
    """A running stack; leaving it stops everything it started, last started first.

    Raises:
        StackError: a server did not become ready; its log's end is in the message.
    """

    def __init__(self, config: StackConfig) -> None:
        self._config = config
        self._exit = ExitStack()
        self._redis: PrivateRedis | None = None
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._started_at: dict[str, float] = {}
        self._due_at: dict[str, float] = {}
        self._pauses = RestartPauses()
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
        """Block while the backend runs; workers and the private Redis are started anew.

        Raises:
            StackError: the backend ended by itself.
        """
        while True:
            if self._redis is not None and not self._redis.is_running:
                logger.warning("Redis ended; starting it anew, without what it held")
                self._redis.revive()
            for name in list(self._children):
                if name.startswith(_WORKER):
                    self._keep_worker(name)
                else:
                    self._check_running(name)
            time.sleep(0.5)

    def _keep_worker(self, name: str) -> None:
        """Start a worker that died, sooner or later; its job is taken up by whoever is first."""
        code = self._children[name].poll()
        if code is None:
            return
        now = time.monotonic()
        if name not in self._due_at:
            pause_s = self._pauses.next_s(name, now - self._started_at[name])
            self._due_at[name] = now + pause_s
            logger.warning(
                "%s ended with exit code %s; starting it anew%s",
                name, code, f" in {pause_s:g} s" if pause_s else "",
            )  # fmt: skip
        if now >= self._due_at[name]:
            del self._due_at[name]
            self._spawn(name, "worker")

    def _start(self) -> None:
        _refuse_taken_port(self._config.host, self.port)
        if not self.redis_url:
            self._redis = self._exit.enter_context(PrivateRedis())
            self.redis_url = self._redis.url
        self._exit.callback(self._stop_children)
        for number in range(1, self._config.workers + 1):
            self._spawn(f"{_WORKER}{number}", "worker")
        self._spawn(_BACKEND, "serve", "--port", str(self.port), "--host", self._config.host)
        self._wait_ready()

    def _spawn(self, name: str, *arguments: str) -> None:
        environment = {**os.environ, **self._config.environment, "ESAM_REDIS_URL": self.redis_url}
        if name.startswith(_WORKER):
            # Threads of two workers on one core wait for each other: an encode took ten times as
            # long. Each worker has its share of the cores.
            share = max(1, count_cores() // self._config.workers)
            environment.setdefault("OMP_NUM_THREADS", str(share))
        if self._redis is not None:
            # The private Redis forgets everything; what was learned is to be there tomorrow.
            environment.setdefault("ESAM_LEARNED_FOLDER", str(LEARNED_FOLDER))
        with self._open_log(name) as log:
            child = start_process([sys.executable, "-m", "esam", *arguments], environment, log)
        self._children[name] = child
        self._started_at[name] = time.monotonic()

    def _stop_children(self) -> None:
        """The backend first: who waits there is answered by the workers. Then all these at once."""
        workers = {name: self._children[name] for name in self._children if name != _BACKEND}
        limit_s = self._config.drain_timeout_s + _EXIT_S
        stop_processes([c for name, c in self._children.items() if name not in workers], limit_s)
        stop_processes(list(workers.values()), limit_s)

    def _open_log(self, name: str) -> AbstractContextManager[IO[bytes] | None]:
        if self._config.log_folder is None:
            return nullcontext()
        self._config.log_folder.mkdir(parents=True, exist_ok=True)
        return self._log_path(name).open("ab")

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
