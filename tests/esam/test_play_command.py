"""``esam play`` takes the backend that is there, else starts one."""

import http.server
import signal
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.running_stack import RunningStack, alive

from .backend_stand_in import BackendStandIn
from .command_line import esam


def test_a_backend_that_runs_is_taken_and_its_page_named(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("GET /health", {"status": "UP", "model_class": "EfficientSAM"})
    port = httpx.URL(backend.url).port
    assert esam("play", "--port", port or 0, "--no-open") == 0
    assert f"http://localhost:{port}/play" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("screen", "is_opened"),
    [({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "wayland-0"}, True), ({}, False)],
)
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
def test_the_page_is_opened_where_there_is_a_screen(
    backend: BackendStandIn, monkeypatch: pytest.MonkeyPatch, screen: dict[str, str],
    is_opened: bool,
) -> None:  # fmt: skip
    backend.say("GET /health", {"status": "UP", "model_class": "EfficientSAM"})
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in screen.items():
        monkeypatch.setenv(name, value)
    opened: list[str] = []
    # The environment names the browser once a process, and a new process takes seconds.
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert esam("play", "--port", backend.port) == 0
    assert opened == ([f"http://localhost:{backend.port}/play"] if is_opened else [])


def test_a_port_that_somebody_else_has_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    handler = http.server.SimpleHTTPRequestHandler
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            code = esam("play", "--port", server.server_port, "--no-open", "--model", "nano")
        finally:
            server.shutdown()
    assert code == 1
    assert f"port {server.server_port} cannot be used" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
def test_without_a_backend_everything_is_started_and_stopped_again(nano_weights: Path) -> None:
    running = RunningStack(nano_weights, command=("play", "--no-open"))
    children = running.descendants()
    assert "Drop an image" in httpx.get(f"{running.url}/play").text
    assert {s["name"] for s in httpx.get(f"{running.url}/play/samples").json()} >= {"coffee.png"}
    assert running.stop(signal.SIGINT) == 0
    assert children
    assert alive(children) == set()
