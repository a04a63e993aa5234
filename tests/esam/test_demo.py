"""``esam demo`` that cannot show what it should; one that can is in tests/integration."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from esam import demo

from .backend_stand_in import MODEL_VERSION, BackendStandIn
from .command_line import esam


def test_weights_that_cannot_be_used_are_told_with_the_end_of_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "broken.safetensors"
    weights.write_bytes(b"no checkpoint")
    assert esam("demo", "--out", tmp_path / "out", "--model", "nano", "--weights", weights) == 1
    err = capsys.readouterr().err
    assert " ended with exit code 1:\n" in err
    assert f"esam: {weights} is damaged or not a checkpoint" in err
    assert {path.name for path in (tmp_path / "out" / "logs").iterdir()} == {
        "backend.log", "worker-1.log"
    }  # fmt: skip


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert esam("demo", "--out", tmp_path / "file", "--model", "nano") == 1
    assert capsys.readouterr().err == f"esam: cannot write to {tmp_path / 'file'}: File exists\n"


@pytest.mark.parametrize(
    ("setup", "predict", "message"),
    [
        ((401, {"detail": "log in"}), {}, '/setup answered 401: {"detail": "log in"}'),
        ({"model_version": MODEL_VERSION}, (503, {}), "/predict answered 503: {}"),
        (
            {"model_version": MODEL_VERSION},
            {"results": [[]]},
            "the model saw nothing at saucer-box on coffee.png",
        ),
    ],
)
def test_an_answer_that_shows_nothing_is_told(
    backend: BackendStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, setup: object, predict: object, message: str,
) -> None:  # fmt: skip
    # A stack of our own servers does not answer like this.
    monkeypatch.setattr(demo, "Stack", lambda _: nullcontext(SimpleNamespace(url=backend.url)))
    backend.say("POST /setup", setup)
    backend.say("POST /predict", predict)
    assert esam("demo", "--out", tmp_path, "--model", "nano") == 1
    assert capsys.readouterr().err == f"esam: {message}\n"
    assert list(tmp_path.iterdir()) == []
