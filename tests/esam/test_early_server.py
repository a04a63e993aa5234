"""The backend is up before it is loaded."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from esam.early_server import LoadedApp, serve_early


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(url: str) -> httpx.Response:
    deadline = time.monotonic() + 30
    while True:
        try:
            return httpx.get(url, timeout=30, trust_env=False)
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def serve(load: Callable[[], LoadedApp]) -> tuple[str, threading.Thread, list[Exception]]:
    port, raised = free_port(), list[Exception]()

    def run() -> None:
        try:
            serve_early(load, "127.0.0.1", port)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return f"http://127.0.0.1:{port}", thread, raised


def test_health_is_told_while_other_calls_wait_for_the_application() -> None:
    may_load = threading.Event()

    def load() -> LoadedApp:
        assert may_load.wait(30)
        app = FastAPI()
        app.get("/health")(lambda: {"status": "UP"})
        app.get("/versions")(lambda: {"versions": ["v"]})
        return LoadedApp(app, drain_timeout_s=1)

    url, _, _ = serve(load)
    assert ask(f"{url}/health").json()["is_loading"]
    ready = ask(f"{url}/ready")
    assert (ready.status_code, ready.json()["is_ready"]) == (503, False)
    answers: list[object] = []
    waiting = threading.Thread(target=lambda: answers.append(ask(f"{url}/versions").json()))
    waiting.start()
    time.sleep(0.2)
    assert answers == []
    may_load.set()
    waiting.join(30)
    assert answers == [{"versions": ["v"]}]
    assert ask(f"{url}/health").json() == {"status": "UP"}


def test_an_application_that_cannot_be_loaded_ends_the_server_with_its_reason() -> None:
    may_fail = threading.Event()

    def load() -> LoadedApp:
        assert may_fail.wait(30)
        raise ValueError("the weights are gone")

    url, thread, raised = serve(load)
    ask(f"{url}/health")
    answers: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(ask(f"{url}/versions")))
    waiting.start()
    time.sleep(0.2)
    may_fail.set()
    thread.join(30)
    assert not thread.is_alive()
    waiting.join(30)
    assert answers[0].status_code == 503
    assert answers[0].json()["error"] == "not_loaded"
    assert "weights" not in answers[0].text, "who asks has shown no login"
    with pytest.raises(ValueError, match="the weights are gone"):
        raise raised[0]


def test_a_server_that_stops_while_nobody_waits_logs_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def load() -> LoadedApp:
        raise ValueError("the weights are gone")

    _, thread, _ = serve(load)
    thread.join(30)
    assert not thread.is_alive()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


_ENDLESS = """
import asyncio, sys
from esam.early_server import LoadedApp, serve_early

async def answer(scope, receive, send):
    if scope["path"] == "/health":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    await asyncio.Event().wait()

serve_early(lambda: LoadedApp(answer, 0.1), "127.0.0.1", int(sys.argv[1]))
"""


def test_an_answer_that_is_begun_when_the_time_is_over_is_cut_and_nothing_put_behind_it() -> None:
    port = free_port()
    command = [sys.executable, "-c", _ENDLESS, str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert ask(f"http://127.0.0.1:{port}/health").is_success
            with socket.create_connection(("127.0.0.1", port)) as caller:
                caller.sendall(b"GET /answer HTTP/1.1\r\nHost: here\r\n\r\n")
                answer = caller.makefile("rb")
                assert b"200" in answer.readline()
                while answer.readline().strip():
                    pass  # its headers
                assert (answer.readline(), answer.readline()) == (b"5\r\n", b"begun\r\n")
                server.send_signal(signal.SIGTERM)
                assert answer.read() == b"", "neither more of it nor its end"
            _, said = server.communicate(timeout=30)
        finally:
            server.kill()
    assert "not answered before the end" not in said
    assert server.returncode == -signal.SIGTERM
