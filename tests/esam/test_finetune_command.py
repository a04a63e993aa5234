"""``esam finetune`` and ``esam models`` against a backend that says what a test wants."""

import json
from pathlib import Path
from typing import Any

import pytest

from .backend_stand_in import MODEL_VERSION, BackendStandIn, make_run
from .command_line import esam

Capture = pytest.CaptureFixture[str]
LEARNED = f"{MODEL_VERSION}-1a2b3c4d"
FIGURES = [
    {"prompt": "box", "before": 0.8, "after": 0.85},
    {"prompt": "1 click", "before": 0.25, "after": 0.75},
]
NO_FAILURES: dict[str, Any] = {"failures": []}


def make_report(**changes: object) -> dict[str, Any]:
    return {
        "model_version": LEARNED,
        "is_better": True,
        "reason": "mean IoU rises by 0.275 (standard error 0.012)",
        "masks": 200,
        "images": 40,
        "held_out_masks": 40,
        "held_out_images": 8,
        "empty_masks": 0,
        "figures": FIGURES,
        "pictures": [{"name": "gain-1-task-7.jpg", "task": 7, "before": 0.1, "after": 0.9}],
        **changes,
    }


def make_learning(phase: str, done: int, total: int, **changes: object) -> dict[str, Any]:
    learning = {"phase": phase, "done": done, "total": total, "tuning_iou": None}
    return make_run(kind="learning", prompts=None, learning=learning, total=12, done=10, **changes)


def make_ended(**changes: object) -> dict[str, Any]:
    return make_learning(
        "over", 40, 40, **{"state": "finished", "report": make_report(), **changes}
    )


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_learning_is_watched_and_its_table_and_pictures_are_told(
    backend: BackendStandIn, capsys: Capture
) -> None:
    backend.say("POST /runs", (201, make_run(kind="learning", prompts=None, state="planning")))
    backend.say(
        "GET /runs/3f2a",
        make_learning("learning", 25, 400),
        make_ended(failed=1, skipped=1, rate_per_s=3.0),
    )
    failures = {"failures": [{"task": 9, "reason": "the image is gone (404)"}]}
    backend.say("GET /runs/3f2a/failures", failures)
    backend.say("GET /runs/3f2a/pictures/gain-1-task-7.jpg", b"\xff\xd8picture")
    assert esam("finetune", "--project", 3, "--limit", 50, "--steps", 100) == 0
    assert backend.body_of("POST /runs") == {
        "kind": "learning",
        "project": 3,
        "limit": 50,
        "steps": 100,
        "label_studio_url": None,
        "label_studio_api_key": None,
    }
    out, err = capsys.readouterr()
    assert f"3 'Dogs [old]' at http://localhost:8080, learning, {MODEL_VERSION}" in out
    assert "run 3f2a: learning\n" in err
    assert "run 3f2a: over" not in err
    assert "run 3f2a: 40 of 40" in err
    assert "Run 3f2a finished: 10 of 12 tasks have masks to learn from; 1 left out; 1 had" in out
    assert "gone (404)" in out
    assert "200 accepted masks on 40 images. Mean IoU on the 40 masks of 8 images" in out
    lines = [line.split() for line in out.splitlines()]
    assert ["1", "click", "0.250", "0.750", "+0.500"] in lines
    assert f"Project 3 uses {LEARNED} from now on" in out
    assert "esam models rollback --project 3" in out
    assert "1 picture of the largest gains and losses: finetune-3f2a" in out
    assert Path("finetune-3f2a/gain-1-task-7.jpg").read_bytes() == b"\xff\xd8picture"


def test_what_is_not_better_changes_nothing_and_is_not_done(
    backend: BackendStandIn, capsys: Capture
) -> None:
    report = make_report(
        model_version=None, is_better=False, reason="mean IoU changes by +0.001", pictures=[],
        empty_masks=1234,
    )  # fmt: skip
    backend.say("POST /runs", (201, make_ended(report=report)))
    backend.say("GET /runs/3f2a", make_ended(report=report))
    assert esam("finetune", "--project", 3) == 1
    out = capsys.readouterr().out
    assert f"Not better: mean IoU changes by +0.001. Project 3 goes on with {MODEL_VERSION}" in out
    assert "1,234 masks without a pixel were left out.\n" in out
    assert "rollback" not in out


def test_a_run_that_is_not_waited_for_is_started_and_the_way_to_watch_it_said(
    backend: BackendStandIn, capsys: Capture
) -> None:
    backend.say("POST /runs", (201, make_run(kind="learning", prompts=None, state="planning")))
    assert esam("finetune", "--project", 3, "--no-wait") == 0
    assert "watch it: esam runs watch 3f2a\n" in capsys.readouterr().out
    assert [f"{method} {path}" for method, path, _ in backend.calls] == ["POST /runs"]


def test_what_a_run_learned_is_shown_later(backend: BackendStandIn, capsys: Capture) -> None:
    backend.say("GET /runs/3f2a", make_ended())
    backend.say("GET /runs/3f2a/failures", NO_FAILURES)
    assert esam("runs", "show", "3f2a") == 0
    out = capsys.readouterr().out
    assert "200 accepted masks on 40 images. Mean IoU on the 40 masks of 8 images" in out
    assert ["1", "click", "0.250", "0.750", "+0.500"] in [line.split() for line in out.splitlines()]


def test_a_run_that_stopped_says_why(backend: BackendStandIn, capsys: Capture) -> None:
    stopped = make_run(
        kind="learning", prompts=None, state="stopped", reason="18 accepted masks are too few"
    )
    backend.say("POST /runs", (201, stopped))
    backend.say("GET /runs/3f2a", stopped)
    assert esam("finetune", "--project", 3) == 1
    out = capsys.readouterr().out
    assert "Run 3f2a stopped (18 accepted masks are too few)" in out
    assert "esam runs resume 3f2a" in out
    assert not Path("finetune-3f2a").exists()


def test_facts_are_one_line_of_json(backend: BackendStandIn, capsys: Capture) -> None:
    backend.say("POST /runs", (201, make_ended()))
    backend.say("GET /runs/3f2a", make_ended())
    backend.say("GET /runs/3f2a/failures", NO_FAILURES)
    backend.say("GET /runs/3f2a/pictures/gain-1-task-7.jpg", b"jpg")
    assert esam("finetune", "--project", 3, "--json", "--pictures", "changes") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["report"]["model_version"] == LEARNED
    assert Path("changes/gain-1-task-7.jpg").exists()


def test_pictures_of_a_run_are_fetched_later_and_stay_in_their_folder(
    backend: BackendStandIn, tmp_path: Path, capsys: Capture
) -> None:
    picture = {"name": "../evil.jpg", "task": 7, "before": 0.1, "after": 0.9}
    backend.say("GET /runs/3f2a", make_ended(report=make_report(pictures=[picture])))
    backend.say("GET /runs/3f2a/pictures/..%2Fevil.jpg", b"jpg")
    assert esam("runs", "pictures", "3f2a", "--out", tmp_path / "in") == 0
    assert (tmp_path / "in" / "evil.jpg").exists()
    assert not (tmp_path / "evil.jpg").exists()
    assert esam("runs", "pictures", "3f2a", "--out", tmp_path / "in" / "evil.jpg") == 1
    assert f"cannot write to {tmp_path}/in/evil.jpg: File exists" in capsys.readouterr().err
    backend.say("GET /runs/3f2a", make_run())
    assert esam("runs", "pictures", "3f2a", "--out", tmp_path / "in") == 1
    assert "has no pictures" in capsys.readouterr().err


def make_models() -> dict[str, Any]:
    common = {"size_bytes": 1, "label_studio_url": "", "images": 40}
    return {
        "base": MODEL_VERSION,
        "models": [
            {
                **common,
                "figures": FIGURES,
                "model_version": LEARNED,
                "is_usable": True,
                "project_key": "3.1795393297",
                "project_title": "Dogs [old]",
                "run": "3f2a",
                "created_at": "2026-01-02T03:04:05+00:00",
                "masks": 200,
            },
            {
                **common,
                "figures": FIGURES[:1],
                "model_version": "efficientsam-vitt-1-2",
                "is_usable": False,
                "project_key": "33.1795393297",
                "project_title": "Cells",
                "run": "9",
                "created_at": "2026-01-01T03:04:05+00:00",
                "masks": 30,
            },
        ],
        "projects": [{"key": "3.1795393297", "model_version": LEARNED, "before": []}],
    }


def test_what_was_learned_is_listed_with_its_worth_and_its_users(
    backend: BackendStandIn, capsys: Capture
) -> None:
    backend.say("GET /models", make_models())
    assert esam("models", "list") == 0
    out = capsys.readouterr().out
    (mine,) = [line for line in out.splitlines() if LEARNED in line]
    assert mine.split()[1:4] == ["0.250", "0.750", "+0.500"]
    assert "3 Dogs [old]" in mine
    assert "project 3" in mine
    (other,) = [line.split() for line in out.splitlines() if "not usable" in line]
    assert other[:4] == ["efficientsam-vitt-1-2", "30", "33", "Cells"], "one click is not measured"
    assert "not usable: other weights are loaded" in out
    assert esam("models", "list", "--project", 3, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert [model["model_version"] for model in facts["models"]] == [LEARNED]
    assert esam("models", "list", "--project", 4) == 0
    assert "esam finetune --project N" in capsys.readouterr().out


def test_a_project_changes_its_version_and_goes_back(
    backend: BackendStandIn, capsys: Capture
) -> None:
    change = {"project": 3, "model_version": LEARNED, "before": MODEL_VERSION}
    backend.say("POST /models/use", change)
    assert esam("models", "use", LEARNED, "--project", 3) == 0
    out = capsys.readouterr().out
    assert f"Project 3 uses {LEARNED}; before: {MODEL_VERSION}." in out
    order = backend.body_of("POST /models/use")
    assert (order["project"], order["model_version"]) == (3, LEARNED)
    back = {"project": 3, "model_version": MODEL_VERSION, "before": LEARNED}
    backend.say("POST /models/rollback", back)
    assert esam("models", "rollback", "--project", 3, "--json") == 0
    assert json.loads(capsys.readouterr().out) == back
    refusal = {"error": "model_conflict", "detail": "this project uses nothing that was learned"}
    backend.say("POST /models/rollback", (409, refusal))
    assert esam("models", "rollback", "--project", 3) == 1
    assert "uses nothing that was learned" in capsys.readouterr().err
