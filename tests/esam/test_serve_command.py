"""``esam serve`` as a person stops it."""

import signal
from pathlib import Path

import httpx

from ..backend_process import BackendProcess

NOBODY = "redis://127.0.0.1:1/0"


def test_ctrl_c_ends_an_idle_backend_without_an_error(nano_weights: Path) -> None:
    with BackendProcess(NOBODY, nano_weights) as backend:
        assert httpx.get(f"{backend.url}/versions", timeout=60).is_success  # it is loaded
        backend.send(signal.SIGINT)
        assert backend.wait() == 0
    assert "Traceback" not in "".join(backend.lines)
