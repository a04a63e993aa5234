"""``esam runs`` against a backend that says what a test wants."""

import json

import pytest

from .backend_stand_in import (
    FAILURES,
    FINISHED,
    BackendStandIn,
    make_run,
)
from .command_line import esam


@pytest.mark.parametrize(
    ("command", "call"),
    [
        ("resume", "POST /runs/3f2a/resume"),
        ("retry-failed", "POST /runs/3f2a/retry-failed"),
    ],
)
def test_going_on_with_a_run_hands_over_a_new_token_and_watches(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str], command: str, call: str
) -> None:
    backend.say(call, make_run())
    backend.say("GET /runs/3f2a", FINISHED)
    assert esam("runs", command, "3f2a", "--url", "http://ls:8080", "--token", "new") == 0
    assert backend.body_of(call) == {
        "label_studio_url": "http://ls:8080",
        "label_studio_api_key": "new",
    }
    assert "10 of 10 tasks predicted" in capsys.readouterr().out
    assert esam("runs", command, "3f2a", "--no-wait") == 0
    assert "esam runs watch 3f2a" in capsys.readouterr().out


def test_cancel_says_how_far_it_came(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("POST /runs/3f2a/cancel", make_run(state="cancelled", done=4))
    assert esam("runs", "cancel", "3f2a") == 0
    assert capsys.readouterr().out == "run 3f2a cancelled: 4 of 10 done\n"


def test_runs_are_listed_whole(backend: BackendStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    second = make_run(id="1b", state="stopped", created_at="long ago")
    runs = {"runs": [make_run(done=1234, total=10_000), second]}
    backend.say("GET /runs", runs)
    assert esam("runs", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[0] == "3f2a"
    assert "3 Dogs [old]" in lines[1]
    assert "1,234  10,000" in lines[1]
    assert "stopped  long ago" in lines[2], "a time that is none stays as it is"
    assert esam("runs", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == runs


def test_no_runs_say_how_to_start_one(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("GET /runs", {"runs": []})
    assert esam("runs", "list") == 0
    assert "esam prelabel --project N" in capsys.readouterr().out


def test_show_has_every_fact_and_every_failure(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(state="stopped", reason="the token [x] is refused", failed=30, more="from later")
    backend.say("GET /runs/3f2a", run)
    backend.say("GET /runs/3f2a/failures", FAILURES)
    assert esam("runs", "show", "3f2a") == 0
    out = capsys.readouterr().out
    assert "stopped: the token [x] is refused" in out
    assert all(f"the image [{n}] is gone" in out for n in range(1, 31))
    assert "esam runs retry-failed 3f2a" in out
    assert esam("runs", "show", "3f2a", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {**run, **FAILURES}


def test_a_strange_run_id_stays_one_part_of_the_path(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert esam("runs", "cancel", "../status?x#y") == 1
    assert backend.calls[0][1] == "/runs/..%2Fstatus%3Fx%23y/cancel"
