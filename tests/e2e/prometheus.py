"""A real Prometheus with our rules, scraping a backend."""

import shutil
import socket
import subprocess
import time
from json import JSONDecodeError
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import yaml

from esam.processes import start_process, stop_process

from ..monitoring_files import PROMETHEUS_FOLDER
from .label_studio import ROOT

_UNPACKED = ROOT / ".e2e" / "prometheus" / "usr" / "bin"
_TIMEOUT_S = 60


def find_program(name: str) -> str | None:
    """``prometheus`` or ``promtool``, on the PATH or where ``make e2e`` puts it."""
    return shutil.which(name) or shutil.which(name, path=str(_UNPACKED))


class Prometheus:
    """A server on a loopback port; a context manager.

    Args:
        folder: for its configuration and its data.
        backend_url: what it scrapes, every second.
    """

    def __init__(self, folder: Path, backend_url: str) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        config = yaml.safe_load((PROMETHEUS_FOLDER / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(PROMETHEUS_FOLDER / name) for name in config["rule_files"]]
        target = backend_url.removeprefix("http://")
        config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def __enter__(self) -> "Prometheus":
        command = [
            find_program("prometheus") or "prometheus",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
        ]
        self._log = (self._folder / "log").open("wb")
        self._process: subprocess.Popen[bytes] = start_process(command, log=self._log)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stop_process(self._process)
        self._log.close()

    def ask(self, path: str, **parameters: str) -> Any:
        """The answer of its API."""
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}"
        reply = httpx.get(url, params=parameters, timeout=10)
        answer = reply.json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def wait_for(self, expression: str) -> Any:
        """The result of an expression as soon as there is one."""
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            try:
                if found := self.ask("query", query=expression)["result"]:
                    return found
            # While it starts, it refuses connections, then answers 503 in words.
            except (httpx.TransportError, JSONDecodeError):
                pass
            assert time.monotonic() < deadline, f"nothing for {expression}"
            time.sleep(0.2)
