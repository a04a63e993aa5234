"""``esam run`` or ``esam play`` as a person starts it, for tests of the whole product."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_READY_TIMEOUT_S = 100.0
_STOP_TIMEOUT_S = 60.0


class RunningStack:
    """``esam run`` in a process of its own, ready to be asked.

    Args:
        weights: of nano; None takes those that ship.
        environment: settings on top of this process's own.
        command: ``run``, or another that starts the same.

    Attributes:
        url: of the backend.
        lines: what it and its servers wrote so far.
    """

    def __init__(
        self,
        weights: Path | None = None,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = ("run",),
    ) -> None:
        line = [sys.executable, "-m", "esam", *command, "--port", "0", "--host", "127.0.0.1"]
        line += ["--model", "nano"] + (["--weights", str(weights)] if weights else [])
        self._process = subprocess.Popen(
            line, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
        )
        self.lines: list[str] = []
        self.url = ""
        self._is_told = threading.Event()
        # Read to the end: a full pipe would stop the servers that write into it.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        if not self._is_told.wait(_READY_TIMEOUT_S) or not self.url:
            self._process.kill()
            raise AssertionError("esam run did not become ready: " + "".join(self.lines))

    def descendants(self) -> set[int]:
        """Process ids of everything it started."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and wait for the end; the exit code."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait until it ends by itself; the exit code."""
        self._process.wait(_STOP_TIMEOUT_S)
        self._reader.join(_STOP_TIMEOUT_S)
        if self._process.stderr is not None:
            self._process.stderr.close()
        return self._process.returncode

    def _read(self) -> None:
        for line in self._process.stderr or ():
            self.lines.append(line)
            if match := re.search(r"(?:Backend URL|Ready:)\s+http://localhost:(\d+)", line):
                self.url = f"http://127.0.0.1:{match[1]}"
                self._is_told.set()
        self._is_told.set()


def alive(pids: set[int]) -> set[int]:
    """Those of these processes that are still there."""
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}
