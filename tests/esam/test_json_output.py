"""``--json``: stdout is one line of facts, and what is said to people goes to stderr."""

import json
from typing import Any

import pytest

from core import MODELS
from docs.reference.command_tree import find_commands

from .backend_stand_in import MODEL_VERSION, BackendStandIn, make_queue, make_run, make_status
from .command_line import esam
from .examined import ConnectedLabelStudio

# What they make is a server, a picture or a file; whether they could is their exit code.
WITHOUT_FACTS = {
    "run", "serve", "worker", "play", "demo", "train",
    "runs gallery", "runs pictures", "weights download", "weights verify",
}  # fmt: skip
FINISHED = make_run(state="finished", done=9, failed=1)
FAILURES = {"failures": [{"task": 7, "reason": "the image is gone"}]}
PLAN = {
    "project": {"id": 3, "title": "Dogs"},
    "tasks": 10,
    "to_predict": 8,
    "already_predicted": 2,
    "model_version": MODEL_VERSION,
}


def only_line_of(text: str) -> Any:
    assert text.endswith("\n")
    (line,) = text.splitlines()
    return json.loads(line)


def test_every_command_that_has_facts_says_them_to_programs_too() -> None:
    without = {
        words
        for words, command in find_commands()
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without == WITHOUT_FACTS


@pytest.mark.parametrize(
    "arguments",
    [
        ("prelabel", "--project", 3),
        ("runs", "watch", "3f2a"),
        ("runs", "resume", "3f2a"),
        ("runs", "retry-failed", "3f2a"),
    ],
)
def test_a_watched_run_is_one_line_at_its_end_with_what_failed(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    for call in ("POST /runs", "POST /runs/3f2a/resume", "POST /runs/3f2a/retry-failed"):
        backend.say(call, (201, make_run(done=4)))
    backend.say("GET /runs/3f2a", make_run(done=5), FINISHED)
    backend.say("GET /runs/3f2a/failures", FAILURES)
    assert esam(*arguments, "--json") == 1
    out, err = capsys.readouterr()
    assert only_line_of(out) == {**FINISHED, **FAILURES}
    assert "10 of 10, 1 failed" in err


@pytest.mark.parametrize(
    "arguments", [("prelabel", "--project", 3, "--no-wait"), ("runs", "cancel", "3f2a")]
)
def test_a_run_that_is_not_watched_is_one_line_at_once(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    run = make_run(done=4)
    backend.say("POST /runs", (201, run))
    backend.say("POST /runs/3f2a/cancel", run)
    backend.say("GET /runs/3f2a", run)
    backend.say("GET /runs/3f2a/failures", {"failures": []})
    assert esam(*arguments, "--json") == 0
    assert only_line_of(capsys.readouterr().out) == {**run, "failures": []}


def test_what_a_run_would_do_is_one_line(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("POST /runs", PLAN)
    assert esam("prelabel", "--project", 3, "--dry-run", "--json") == 0
    assert only_line_of(capsys.readouterr().out) == PLAN


def test_what_was_queued_is_one_line_when_the_queue_is_empty(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    order = {"project": 3, "queued": 8, "already_warm_or_queued": 2, "total": 10}
    backend.say("POST /warm", (202, order))
    backend.say("GET /status", make_status(queues={"prefetch": make_queue()}))
    assert esam("warm", "--project", 3, "--json") == 0
    out, err = capsys.readouterr()
    assert only_line_of(out) == order
    assert "the prefetch queue is empty" in err


def test_the_doctor_says_each_finding_with_its_remedy(
    label_studio: ConnectedLabelStudio, capsys: pytest.CaptureFixture[str]
) -> None:
    label_studio.models = []
    code = esam(
        "doctor", "--model", "nano", "--project", 1, "--url", label_studio.url,
        "--token", label_studio.token or "", "--json",
    )  # fmt: skip
    assert code == 1
    said = only_line_of(capsys.readouterr().out)
    assert (said["failed"], said["warnings"]) == (1, 0)
    states = {finding["subject"]: finding["state"] for finding in said["findings"]}
    assert states["weights"] == "good"
    (failed,) = [finding for finding in said["findings"] if finding["state"] == "failed"]
    assert failed["text"] == "no model is connected"
    assert label_studio.backend_url in failed["remedy"]


def test_the_models_are_listed_with_the_size_of_the_file_that_is_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert esam("weights", "list", "--json") == 0
    listed = {model["model"]: model for model in only_line_of(capsys.readouterr().out)}
    assert listed.keys() == MODELS.keys()
    assert listed["nano"]["file"].endswith(MODELS["nano"].filename)
    assert 1e6 < listed["nano"]["size_bytes"] < 8e6
