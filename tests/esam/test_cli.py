"""The command as a person types it: its own process, real files."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray
from PIL import Image

from core import MODELS, WEIGHTS_FOLDER
from esam.cli import run_cli
from tests.core.lively_model import save_lively_model


@pytest.fixture
def photo(photo_like: NDArray[np.uint8], tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(photo_like).save(path)
    return path


def in_process(*arguments: str | Path) -> int:
    """The exit code of the same command without the seconds that a new process takes."""
    try:
        return run_cli([str(a) for a in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


@contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def esam(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "esam", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_predict_writes_picture_mask_and_json_that_agree(
    photo: Path, nano_weights: Path, tmp_path: Path
) -> None:
    result = esam(
        "predict", photo, "--box", "50,30,110,90", "--point", "80,60", "--exclude", "5,5",
        "--model", "nano", "--weights", nano_weights,
        "--out", tmp_path / "overlay.png", "--mask", tmp_path / "mask.png", "--json", "-",
        "--candidates", tmp_path / "candidates.png",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    with Image.open(tmp_path / "mask.png") as picture:
        mask = np.asarray(picture) > 0
    assert facts["area_px"] == mask.sum()
    assert facts["score"] == pytest.approx(max(0, min(1, facts["iou"][facts["best"]])), abs=1e-3)
    rgba = np.reshape(decode_rle(facts["rle"]), (120, 160, 4))
    np.testing.assert_array_equal(rgba[..., 3] > 0, mask)
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.size == (160, 120)
    with Image.open(tmp_path / "candidates.png") as strip:
        assert strip.width > 4 * 160, "the prompt and three candidates"
        green = np.asarray(strip.convert("RGB"))[1]
    framed = np.flatnonzero((green == (40, 200, 80)).all(axis=1))
    assert framed[0] // 166 == facts["best"] + 1, "the answer has a frame"


def test_what_was_found_and_written_is_said_to_people(
    photo: Path, nano_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, mask, facts_file = (tmp_path / name for name in ("o.png", "m.png", "facts.json"))
    code = in_process(
        "predict", photo, "--box", "50,30,110,90", "--model", "nano", "--weights", nano_weights,
        "--out", out, "--mask", mask, "--json", facts_file,
    )  # fmt: skip
    assert code == 0
    facts = json.loads(facts_file.read_text())
    share = facts["area_px"] / (120 * 160)
    assert capsys.readouterr().out == (
        f"score {facts['score']:.2f}, {facts['area_px']:,} pixels ({share:.1%})\n"
        f"wrote {out}\nwrote {mask}\n"
    )


@pytest.mark.parametrize(
    ("option", "place", "message"),
    [
        ("--out", "none/overlay.png", "cannot write the picture PLACE: [Errno 2] No such file"),
        ("--mask", "mask.secret", "cannot write the picture PLACE: unknown file extension"),
        ("--json", "none/facts.json", "cannot write PLACE: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_named(
    photo: Path, nano_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    option: str, place: str, message: str,
) -> None:  # fmt: skip
    words = ("--point", "9,9", "--model", "nano", "--weights", nano_weights)
    assert in_process("predict", photo, *words, option, tmp_path / place) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("esam: " + message.replace("PLACE", str(tmp_path / place)))
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("predict", "missing.jpg", "--point", "1,1"), 2, "'missing.jpg' does not exist"),
        (("predict", "PHOTO", "--point", "999,1"), 2, "(999, 1) lies outside the image of 160×120"),
        (("predict", "PHOTO"), 2, "add a point inside the object or a box"),
        (("predict", "PHOTO", "--point", "1;1"), 2, "--point takes 2 numbers"),
        (("predict", "PHOTO", "--point", "9,9", "--model", "big"), 2, "unknown model 'big'"),
        (("predict", "PHOTO", "--point", "9,9", "--weights", "PHOTO"), 1, "not a checkpoint"),
        (("predict", "PHOTO", "--point", "9,9", "--device", "cuda:9"), 2, "try cpu"),
        (("predict", "PHOTO", "--point", "9,9", "--points-per-side", "4"), 2, "--points-per-side"),
        (("weights", "verify", "vits"), 1, "esam weights download vits"),
        (("weights", "download", "nano", "--folder", "EMPTY"), 1, "ships with the product"),
        (("fly",), 2, "No such command"),
    ],
)
def test_bad_input_is_said_without_a_traceback(
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    places = {"PHOTO": str(photo), "EMPTY": str(tmp_path / "empty")}
    assert in_process(*(places.get(a, a) for a in arguments)) == code
    assert message in capsys.readouterr().err


def test_predict_everything_draws_and_lists_masks_that_agree(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "lively.safetensors"
    save_lively_model(weights)
    code = in_process(
        "predict", photo, "--everything", "--points-per-side", "5", "--model", "nano",
        "--weights", weights, "--out", tmp_path / "everything.png", "--json", "-",
    )  # fmt: skip
    assert code == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["width_px"], facts["height_px"]) == (160, 120)
    assert facts["masks"]
    for found in facts["masks"]:
        mask = np.reshape(decode_rle(found["rle"]), (120, 160, 4))[..., 3] > 0
        x0, y0, x1, y1 = found["box_xyxy_px"]
        assert found["area_px"] == mask.sum() == mask[y0:y1, x0:x1].sum()
        assert 0 <= found["score"] <= 1
    with Image.open(tmp_path / "everything.png") as picture, Image.open(photo) as original:
        assert picture.size == original.size
        assert np.asarray(picture).tolist() != np.asarray(original).tolist()


def test_predict_everything_says_how_many_masks_it_found_and_what_it_wrote(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, out, facts = (tmp_path / name for name in ("m.safetensors", "o.png", "facts.json"))
    save_lively_model(weights)
    code = in_process(
        "predict", photo, "--everything", "--points-per-side", "4", "--model", "nano",
        "--weights", weights, "--out", out, "--json", facts,
    )  # fmt: skip
    assert code == 0
    count = len(json.loads(facts.read_text())["masks"])
    assert capsys.readouterr().out == f"{count} masks\nwrote {out}\n"


@pytest.mark.parametrize(
    "option", [("--point", "9,9"), ("--exclude", "9,9"), ("--box", "1,1,9,9"), ("--mask", "m.png")]
)
def test_everything_refuses_the_options_of_one_object(
    photo: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    assert in_process("predict", photo, "--everything", *option) == 2
    assert f"--everything does not go with {option[0]}" in capsys.readouterr().err


def test_weights_list_names_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert in_process("weights", "list") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("vitt", "vits", "nano"))


def test_a_download_of_something_else_is_refused_with_both_ids_and_kept_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.pt").write_bytes(b"hello\n")
    with serve_folder(tmp_path) as url:
        words = ("--url", f"{url}/other.pt", "--folder", tmp_path / "w")
        assert in_process("weights", "download", "vitt", *words) == 1
    message = capsys.readouterr().err
    assert "its git blob id is ce013625030ba8dba906f756967f9e9ca394464a" in message
    assert "expected af883c49e33c68f01107be52df0ecad26a48355f" in message
    assert list((tmp_path / "w").iterdir()) == []


def test_a_damaged_file_is_downloaded_anew_and_a_good_one_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, published = tmp_path / MODELS["nano"].filename, WEIGHTS_FOLDER / MODELS["nano"].filename
    here.write_bytes(published.read_bytes()[:-1])
    with serve_folder(WEIGHTS_FOLDER) as url:
        words = ("--url", f"{url}/{published.name}", "--folder", tmp_path)
        assert in_process("weights", "download", "nano", *words) == 0
    out, err = capsys.readouterr()
    assert "downloading it anew" in err
    assert out == f"wrote {here}, verified\n"
    assert here.read_bytes() == published.read_bytes()
    assert in_process("weights", "download", "nano", *words) == 0  # nobody serves it any more
    assert capsys.readouterr().out == f"{here} is here and verified; nothing to do\n"


def test_the_file_that_ships_is_the_published_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert in_process("weights", "verify", "nano") == 0
    path = WEIGHTS_FOLDER / MODELS["nano"].filename
    assert capsys.readouterr().out == f"{path} is the published file of nano\n"


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert in_process("--version") == 0
    assert capsys.readouterr().out == version("efficientsam-labelstudio") + "\n"


def test_a_setting_that_cannot_be_used_is_named(
    nano_weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ESAM_DRAIN_TIMEOUT_S", "soon")
    assert in_process("worker", "--model", "nano", "--weights", nano_weights) == 2
    err = capsys.readouterr().err
    assert err.startswith("esam: setting ESAM_DRAIN_TIMEOUT_S: Input should be a valid number")
    assert err.count("\n") == 1


def test_an_error_that_nobody_foresaw_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("esam.status_command.connect_backend", fail)  # it takes a fault of ours
    with pytest.raises(ZeroDivisionError):
        run_cli(["status"])


def test_a_worker_with_a_malformed_redis_url_says_how_to_write_one(
    nano_weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ESAM_REDIS_URL", "localhost:6379")
    assert in_process("worker", "--model", "nano", "--weights", nano_weights) == 1
    assert "write it like redis://localhost:6379/0" in capsys.readouterr().err


def test_an_error_of_a_real_process_is_one_line_without_a_traceback() -> None:
    result = esam("weights", "verify", "huge")
    assert result.returncode == 2
    assert result.stderr == "esam: unknown model 'huge'; the registry has: vitt, vits, nano\n"


def test_a_stranger_package_of_our_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").touch()
    # `python -m` puts the working directory first, as a careless start in a project folder does.
    result = esam("weights", "list", cwd=tmp_path)
    assert result.returncode == 1
    assert "the package 'core' comes from" in result.stderr
    assert "virtual environment of its own" in result.stderr
