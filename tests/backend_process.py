"""``esam serve`` as a process of its own, on a Redis and with workers that a test chooses."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from esam.processes import stop_process

_TIMEOUT_S = 100.0


class BackendProcess:
    """A backend that answers ``/health``; a context manager.

    Args:
        redis_url: of its Redis.
        weights: of nano.
        environment: settings beside these.

    Attributes:
        url: where it answers.
        lines: of its log so far.
    """

    def __init__(self, redis_url: str, weights: Path, **environment: str) -> None:
        command = [sys.executable, "-m", "esam", "serve", "--port", "0", "--host", "127.0.0.1"]
        command += ["--model", "nano", "--weights", str(weights)]
        named = {**os.environ, "ESAM_REDIS_URL": redis_url, **environment}
        self._process = subprocess.Popen(command, env=named, stderr=subprocess.PIPE)
        self.lines: list[str] = []
        self.url = ""
        self._is_told = threading.Event()
        # Read to the end: a full pipe would stop it.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._is_told.wait(_TIMEOUT_S)
        if not self.url:
            self._process.kill()
            raise AssertionError("esam serve did not start: " + "".join(self.lines))

    def __enter__(self) -> "BackendProcess":
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        stop_process(self._process)
        self._reader.join(_TIMEOUT_S)
        if self._process.stderr is not None:
            self._process.stderr.close()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait until it ends; its exit code."""
        return self._process.wait(_TIMEOUT_S)

    def _read(self) -> None:
        for line in self._process.stderr or ():
            self.lines.append(line.decode(errors="replace"))
            if found := re.search(r"http://127\S+:\d+", self.lines[-1]):
                self.url = self.url or found[0]
                self._is_told.set()
        self._is_told.set()
