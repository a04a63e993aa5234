"""``esam prelabel`` against a backend that says what a test wants."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from esam.backend_answers import Run
from esam.errors import BackendAway
from esam.polling import poll
from esam.prelabel_commands import PromptSource
from labelstudio_backend import PromptSource as ServicePromptSource

from .backend_stand_in import (
    FAILURES,
    FINISHED,
    MODEL_VERSION,
    BackendStandIn,
    make_run,
    run_backend_stand_in,
)
from .command_line import esam


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "esam", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_a_run_is_started_watched_and_summed_up(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("POST /runs", (201, make_run(state="planning", total=3)))
    backend.say("GET /runs/3f2a", make_run(done=4, rate_per_s=12.3, time_left_s=61.0), FINISHED)
    assert esam("prelabel", "--project", 3) == 0
    out, err = capsys.readouterr()
    assert "run 3f2a: project 3 'Dogs [old]' at http://localhost:8080, regions" in out
    assert "Run 3f2a finished at 12.3/s: 10 of 10 tasks predicted by" in out
    assert "run 3f2a: 0 of 3+, 0 failed\n" in err
    assert "run 3f2a: 10 of 10, 0 failed, 12.3/s\n" in err


def test_the_order_says_what_was_asked_for(
    backend: BackendStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_HOST", "http://label-studio:8080/")
    monkeypatch.setenv("LABEL_STUDIO_ACCESS_TOKEN", "abc")
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("task,x0,y0,x1,y1\n7,1,2,30,40\n")
    backend.say("POST /runs", (201, make_run()))
    code = esam(
        "prelabel", "--project", 3, "--boxes", boxes, "--label", "Dog", "--limit", 5,
        "--filter", '{"conjunction": "and", "items": []}', "--keep-embeddings", "--no-wait",
    )  # fmt: skip
    assert code == 0
    assert backend.body_of("POST /runs") == {
        "project": 3,
        "prompts": "file",
        "label": "Dog",
        "limit": 5,
        "view": None,
        "filters": {"conjunction": "and", "items": []},
        "keep_embeddings": True,
        "boxes": [{"task": 7, "image": None, "label": None, "box": [1, 2, 30, 40]}],
        "dry_run": False,
        "label_studio_url": "http://label-studio:8080",
        "label_studio_api_key": "abc",
    }


def test_regions_are_the_prompts_unless_said_otherwise(backend: BackendStandIn) -> None:
    backend.say("POST /runs", (201, make_run()))
    assert esam("prelabel", "--project", 3, "--no-wait") == 0
    order = backend.body_of("POST /runs")
    assert (order["prompts"], order["boxes"], order["label_studio_url"]) == ("regions", None, None)


def test_the_choices_of_prompts_are_those_of_the_service() -> None:
    assert [choice.value for choice in PromptSource] == [p.value for p in ServicePromptSource]


def test_columns_that_are_not_used_are_said(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("task,x0,y0,x1,y1,score,source\n7,1,2,30,40,0.9,yolo\n")
    backend.say("POST /runs", (201, make_run()))
    assert esam("prelabel", "--project", 3, "--boxes", boxes, "--no-wait") == 0
    assert capsys.readouterr().err == f"{boxes}: not used: 'score', 'source'\n"


def test_a_view_of_the_data_manager_can_be_named(backend: BackendStandIn) -> None:
    backend.say("POST /runs", (201, make_run()))
    assert esam("prelabel", "--project", 3, "--view", 9, "--no-wait") == 0
    assert backend.body_of("POST /runs")["view"] == 9


def test_without_waiting_the_commands_to_watch_and_stop_are_said(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.say("POST /runs", (201, make_run()))
    assert esam("prelabel", "--project", 3, "--no-wait") == 0
    assert "esam runs watch 3f2a\n" in capsys.readouterr().out
    monkeypatch.delenv("ESAM_BACKEND_URL")
    assert esam("prelabel", "--project", 3, "--no-wait", "--backend-url", backend.url) == 0
    assert f"esam runs cancel 3f2a --backend-url {backend.url}\n" in capsys.readouterr().out


def test_a_dry_run_says_what_would_be_done(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {
        "project": {"id": 3, "title": "Dogs"},
        "tasks": 10_000,
        "to_predict": 8_000,
        "already_predicted": 2_000,
        "model_version": MODEL_VERSION,
    }
    backend.say("POST /runs", plan)
    assert esam("prelabel", "--project", 3, "--dry-run") == 0
    assert backend.body_of("POST /runs")["dry_run"] is True
    out = capsys.readouterr().out
    assert "Project 3 'Dogs' has 10,000 tasks: 8,000 would be predicted" in out
    assert "2,000 have its prediction already. Nothing was started." in out


def test_failures_are_shown_and_make_the_exit_code_1(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("POST /runs", (201, make_run(state="finished", total=40, done=10, failed=30)))
    backend.say("GET /runs/3f2a/failures", FAILURES)
    assert esam("prelabel", "--project", 3) == 1
    out = capsys.readouterr().out
    assert "10 of 40 tasks predicted by" in out
    assert "30 failed" in out
    assert "20  the image [20] is gone" in out
    assert "the image [21] is gone" not in out
    assert "all (30 of them): esam runs show 3f2a\n" in out
    assert "once more: esam runs retry-failed 3f2a\n" in out


def test_a_run_that_stops_says_why_and_how_to_go_on(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = "Label Studio refuses the token [401]"
    backend.say("POST /runs", (201, make_run(state="stopped", reason=reason, done=4)))
    assert esam("prelabel", "--project", 3) == 1
    out = capsys.readouterr().out
    assert f"Run 3f2a stopped ({reason}): 4 of 10 tasks" in out
    assert "go on with it: esam runs resume 3f2a" in out


@pytest.mark.parametrize(
    ("prompts", "hint"),
    [("regions", "--prompts everything"), ("file", "no task was named by the file")],
)
def test_a_run_without_anything_to_predict_from_is_counted_and_explained(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str], prompts: str, hint: str
) -> None:
    run = make_run(state="finished", skipped=10, already_predicted=3, prompts=prompts)
    backend.say("POST /runs", (201, run))
    assert esam("prelabel", "--project", 3) == 0
    out = capsys.readouterr().out
    assert "10 had nothing to predict from; 3 left out, predicted before" in out
    assert hint in out


def test_a_backend_that_restarts_is_waited_for(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    away = (503, {"error": "encoder_unavailable", "detail": "Redis cannot be used"})
    backend.say("GET /runs/3f2a", make_run(), None, away, away, make_run(done=4), FINISHED)
    assert esam("runs", "watch", "3f2a") == 0
    err = capsys.readouterr().err
    note = "waiting for the backend, which may be restarting: "
    assert err.count(note) == 2, "each kind of absence once"
    assert f"{note}Redis cannot be used" in err
    assert "broke off GET /runs/3f2a" in err


def test_a_backend_that_is_gone_and_comes_back_on_its_port_is_watched_on() -> None:
    with run_backend_stand_in() as first:
        first.say("GET /runs/3f2a", make_run())
        watching = start("runs", "watch", "3f2a", "--backend-url", first.url)
        assert watching.stderr is not None
        assert "run 3f2a: 0 of 10" in watching.stderr.readline()
    assert "waiting for the backend" in watching.stderr.readline()
    with run_backend_stand_in(first.port) as second:
        second.say("GET /runs/3f2a", FINISHED)
        out, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert "10 of 10 tasks predicted" in out


def test_a_backend_that_stays_away_is_given_up_with_the_way_back() -> None:
    now_s = 0.0

    def ask() -> Run:
        raise BackendAway("nothing answers")

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    told: list[str] = []
    with pytest.raises(BackendAway):
        next(poll(ask, told.append, clock=lambda: now_s, sleep=sleep))
    assert 600 <= now_s < 610
    assert len(told) > 100


def test_who_watched_a_backend_that_stays_away_is_told_that_the_run_is_kept(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esam.polling._PATIENCE_S", -1.0)  # else it is ten minutes
    backend.say("GET /runs/3f2a", make_run(), None)
    assert esam("runs", "watch", "3f2a") == 1
    err = capsys.readouterr().err
    assert "broke off GET /runs/3f2a" in err
    assert "The run 3f2a is kept; go on watching: esam runs watch 3f2a\n" in err


def test_a_refusal_while_watching_ends_it_with_the_reason(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = (404, {"error": "run_missing", "detail": "there is no run '3f2a'"})
    backend.say("GET /runs/3f2a", make_run(), missing)
    assert esam("runs", "watch", "3f2a") == 1
    assert "esam: there is no run '3f2a'\n" in capsys.readouterr().err


def test_ctrl_c_ends_the_watching_and_not_the_run(backend: BackendStandIn) -> None:
    backend.say("POST /runs", (201, make_run()))
    backend.say("GET /runs/3f2a", make_run(done=4))
    is_watched = threading.Event()
    backend.on_call = lambda: is_watched.set() if len(backend.calls) > 2 else None
    watching = start("prelabel", "--project", "3")
    assert is_watched.wait(60)
    watching.send_signal(signal.SIGINT)
    out, err = watching.communicate(timeout=60)
    assert watching.returncode == 130
    assert "The run 3f2a goes on." in out
    assert "esam runs watch 3f2a\n" in out
    assert "esam runs cancel 3f2a\n" in out
    assert "Traceback" not in err
    assert {path for method, path, _ in backend.calls if method == "POST"} == {"/runs"}


def test_in_a_terminal_a_bar_shows_done_failed_rate_and_time_left(backend: BackendStandIn) -> None:
    run = make_run(done=4, failed=1, rate_per_s=0.5, time_left_s=10.0)
    away = (503, {"error": "encoder_unavailable", "detail": "Redis cannot be used"})
    end = {**FINISHED, "done": 9, "failed": 1}
    backend.say("GET /runs/3f2a", run, run, away, away, run, end)
    backend.say("GET /runs/3f2a/failures", {"failures": [{"task": 7, "reason": "gone"}]})
    terminal, inside = pty.openpty()
    command = [sys.executable, "-m", "esam", "runs", "watch", "3f2a"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    watching = subprocess.Popen(command, stdout=inside, stderr=inside, env=environment)
    os.close(inside)
    shown = b""
    with suppress(OSError):  # a terminal nobody writes to any more reads as an error
        while part := os.read(terminal, 10_000):
            shown += part
    os.close(terminal)
    assert watching.wait(60) == 1
    screen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "5 of 10, 1 failed, 30.0/min, 0:00:10 left" in screen
    assert "10 of 10, 1 failed" in screen
    assert screen.count("waiting for the backend") == 1
    assert "━" in screen
    assert "gone" in screen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prelabel", "--project", "3", "--prompts", "file"), "--prompts file needs --boxes FILE"),
        (
            ("prelabel", "--project", "3", "--prompts", "regions", "--boxes", __file__),
            "--boxes goes with --prompts file, not with regions",
        ),
        (("prelabel", "--project", "3", "--filter", "{"), "--filter is not JSON"),
        (
            ("prelabel", "--project", "3", "--filter", "{}", "--view", "1"),
            "give --view or --filter, not both",
        ),
        (("prelabel", "--project", "3", "--filter", "[]"), "--filter must be a JSON object"),
        (("prelabel", "--project", "3", "--token", "abc"), "no URL that it belongs to"),
        (("runs", "resume", "3f2a", "--token", "abc"), "no URL that it belongs to"),
        (("warm", "--project", "3", "--token", "abc"), "no URL that it belongs to"),
        (("prelabel", "--project", "3", "--url", "ls:8080"), "--url must be a URL"),
        (("status", "--backend-url", "localhost:9090"), "--backend-url must be a URL"),
        (("status", "--backend-url", "http://here:port"), "--backend-url must be a URL"),
        (
            ("status", "--backend-url", "http://me:secret@here"),
            "--backend-url must not hold a login",
        ),
    ],
)
def test_options_that_cannot_be_used_are_told_before_anything_is_asked(
    backend: BackendStandIn,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert esam(*arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("esam: ")
    assert message in err
    assert err.count("\n") == 1
    assert "secret" not in err
    assert backend.calls == []


def test_a_file_of_boxes_that_is_not_there_is_told_before_anything_is_asked(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert esam("prelabel", "--project", "3", "--boxes", "b.csv") == 2
    assert "'b.csv' does not exist" in capsys.readouterr().err
    assert backend.calls == []


def test_the_login_of_the_environment_is_used(
    backend: BackendStandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.login = ("me", "pässword")
    backend.say("GET /runs", {"runs": []})
    assert esam("runs", "list") == 1
    assert "asks for a login: set BASIC_AUTH_USER and BASIC_AUTH_PASS" in capsys.readouterr().err
    monkeypatch.setenv("BASIC_AUTH_USER", "me")
    assert esam("runs", "list") == 2
    assert "set both BASIC_AUTH_USER and BASIC_AUTH_PASS" in capsys.readouterr().err
    monkeypatch.setenv("BASIC_AUTH_PASS", "pässword")
    assert esam("runs", "list") == 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, b"<html>"), "is not our backend"),
        ((200, {"runs": 3}), "answers in another way than this command expects (runs: "),
        ((500, {"error": "internal_error", "detail": "a fault"}), "esam: a fault\n"),
        ((500, b"<h1>Oops</h1>"), "/runs answered 500: <h1>Oops</h1>"),
        ((404, {"error": "no_such_call", "detail": "GET /runs"}), "older than this command"),
        (None, "broke off GET /runs"),
    ],
)
def test_a_strange_answer_is_told_in_one_line(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str], answer: object, message: str
) -> None:
    backend.say("GET /runs", answer)
    assert esam("runs", "list") == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_an_order_that_broke_off_says_that_it_may_have_been_taken(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("POST /runs", None)
    assert esam("prelabel", "--project", 3) == 1
    assert "look with `esam runs list`" in capsys.readouterr().err


def test_nothing_that_listens_says_what_to_start(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert esam("status", "--backend-url", "http://127.0.0.1:1") == 1
    assert "start the backend with `esam run`" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["prelabel_commands", "warm_command", "status_command"])
def test_the_commands_that_only_ask_the_backend_need_no_model(module: str) -> None:
    program = (
        f"import sys, esam.{module}\n"
        "print({'torch', 'core', 'worker', 'labelstudio_backend'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == "set()\n", result.stderr
