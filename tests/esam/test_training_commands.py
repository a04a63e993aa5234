"""``esam train`` and ``esam evaluate``; what they learn and measure is in tests/training."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from core import load_predictor
from training import PromptKind

from .command_line import esam

Capture = pytest.CaptureFixture[str]


def test_what_was_trained_is_a_checkpoint_and_how_to_measure_it_is_said(
    tmp_path: Path, capsys: Capture
) -> None:
    words = ("--steps", 1, "--scenes", 1, "--seed", 3, "--folder", tmp_path)
    assert esam("train", *words) == 0
    weights = tmp_path / "nano.safetensors"
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"wrote {weights}; measure it with: esam evaluate --model nano --weights {weights}"
    )
    assert load_predictor("nano", weights).spec.name == "nano"
    start = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    asked = {"minutes": None, "steps": 1, "scenes": 1, "seed": 3}
    assert {name: start[name] for name in asked} == asked


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--minutes", "1", "--steps", "1"), "give --minutes or --steps, not both"),
        (("--start-share", "0.5"), "--start-share needs --start"),
        (("--compile",), "--compile needs a C++ compiler: install g++, or leave it out"),
    ],
)
def test_training_that_cannot_begin_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture,
    options: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert esam("train", "--folder", tmp_path / "run", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_model_is_measured_in_a_table_and_in_a_line_of_json(
    nano_weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    words = ("evaluate", "--model", "nano", "--weights", nano_weights, "--scenes", 1)
    assert esam(*words) == 0
    table = [re.split(r"\s*│\s*", line) for line in capsys.readouterr().out.splitlines()]
    assert esam(*words, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["model_version"] == load_predictor("nano", nano_weights).model_version
    assert facts["images"] == 1
    assert [score["kind"] for score in facts["scores"]] == [kind.value for kind in PromptKind]
    shown = [row[1:4] for row in table if len(row) > 1]
    assert shown == [
        [score["kind"], str(score["objects"]), f"{score['mean_iou']:.3f}"]
        for score in facts["scores"]
    ]


def test_a_folder_without_photos_to_measure_on_says_what_it_should_hold(
    nano_weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    words = ("evaluate", "--model", "nano", "--weights", nano_weights, "--photos", tmp_path)
    assert esam(*words) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("esam: ")
    assert "_objects.png" in line
    for name in ("1.png", "1_objects.png"):
        Image.new("L", (40, 30)).save(tmp_path / name)
    assert esam(*words) == 1
    assert "no object in 1 photographs" in capsys.readouterr().err
