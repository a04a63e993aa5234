"""``esam warm`` against a backend that says what a test wants."""

import signal
import subprocess
import sys
import threading

import pytest

from .backend_stand_in import BackendStandIn, make_queue, make_status
from .command_line import esam

ORDER = {"project": 3, "queued": 8, "already_warm_or_queued": 2, "total": 10}


def waiting(prefetch: int, **changes: object) -> dict[str, object]:
    return make_status(queues={"prefetch": make_queue(prefetch), "batch": make_queue(5)}, **changes)


def test_the_queue_is_watched_until_it_is_empty(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("POST /warm", (202, ORDER))
    backend.say("GET /status", waiting(8), waiting(4), None, waiting(0))
    assert esam("warm", "--project", 3, "--limit", 10, "--url", "http://ls", "--token", "t") == 0
    assert backend.body_of("POST /warm") == {
        "project": 3,
        "limit": 10,
        "label_studio_url": "http://ls",
        "label_studio_api_key": "t",
    }
    out, err = capsys.readouterr()
    assert "project 3, 10 tasks; images to encode: 8; warm or on the queue already: 2\n" in out
    assert "the prefetch queue is empty" in out
    assert "prefetch: 0 of 8" in err
    assert "waiting for the backend, which may be restarting" in err
    assert "prefetch: 8 of 8" in err


def test_when_all_is_warm_nothing_is_waited_for(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("POST /warm", {**ORDER, "queued": 0, "already_warm_or_queued": 10})
    backend.say("GET /status", waiting(0))
    assert esam("warm", "--project", 3) == 0
    assert "images to encode: 0; warm or on the queue already: 10\n" in capsys.readouterr().out
    assert len(backend.calls) == 2


def test_images_that_the_queue_has_no_room_for_are_said(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("POST /warm", {**ORDER, "total": 5000})
    backend.say("GET /status", waiting(0))
    assert esam("warm", "--project", 3) == 0
    assert "left out, the queue is full: 4,990\n" in capsys.readouterr().out
    assert esam("warm", "--project", 3, "--limit", 10) == 0
    assert "left out" not in capsys.readouterr().out


def test_a_queue_without_workers_says_so(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("POST /warm", ORDER)
    backend.say("GET /status", waiting(8, workers=[]), waiting(0))
    assert esam("warm", "--project", 3) == 0
    assert "start one with `esam worker`" in capsys.readouterr().err


def test_ctrl_c_leaves_the_workers_at_it(backend: BackendStandIn) -> None:
    backend.say("POST /warm", ORDER)
    backend.say("GET /status", waiting(8))
    is_watched = threading.Event()
    backend.on_call = lambda: is_watched.set() if len(backend.calls) > 2 else None
    command = [sys.executable, "-m", "esam", "warm", "--project", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert is_watched.wait(60)
        watching.send_signal(signal.SIGINT)
        out, _ = watching.communicate(timeout=60)
    assert watching.returncode == 130
    assert "The workers go on" in out
