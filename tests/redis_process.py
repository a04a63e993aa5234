"""A real ``redis-server`` that a test kills, freezes and starts again, with or without its data."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from esam.processes import start_process, stop_process
from esam.redis_server import find_redis_server

_START_TIMEOUT_S = 20.0


class RedisProcess:
    """A server behind a unix socket that stays the same over restarts; a context manager.

    Args:
        keeps_data: whether it finds what it had when it is started again.
        options: of the server, such as ``maxmemory="5mb"``.

    Attributes:
        url: where it listens.
        socket: the path of its socket.
    """

    def __init__(self, *, keeps_data: bool = False, **options: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.socket = self._folder / "redis.sock"
        self.url = f"unix://{self.socket}?db=0"
        self._options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(self._folder),
            "save": "",
            "appendonly": "yes" if keeps_data else "no",
            "appendfsync": "always",
            "maxmemory-policy": "volatile-lru",
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RedisProcess":
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            stop_process(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, again if need be, and wait until it answers."""
        command = [find_redis_server()]
        for name, value in self._options.items():
            command += [f"--{name}", value]
        self._process = start_process(command)
        deadline = time.monotonic() + _START_TIMEOUT_S
        with Redis(unix_socket_path=str(self.socket)) as client:
            while not _answers(client):
                assert self._process.poll() is None, "redis-server ended"
                assert time.monotonic() < deadline, "redis-server did not come up"
                time.sleep(0.02)

    def kill(self) -> None:
        """Kill it, without a chance to save anything."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Let it hang: it takes connections, and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except AuthenticationError:  # it asks for a password: so it answers
        return True
    except RedisError:
        return False
