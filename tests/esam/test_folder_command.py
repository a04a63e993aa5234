"""``esam predict FOLDER``: contact sheets of real files."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core import Prompt, draw_grid, load_predictor, predict_objects
from esam import folder_command
from tests.core.lively_model import save_lively_model

from .command_line import esam

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "lively.safetensors"
    save_lively_model(path)
    return path


@pytest.fixture
def folder(photo_like: NDArray[np.uint8], tmp_path: Path) -> Path:
    path = tmp_path / "photos"
    path.mkdir()
    for name in ("b.png", "a.jpg", "c.PNG"):
        Image.fromarray(photo_like).save(path / name)
    (path / "notes.txt").write_text("not an image")
    return path


def predict(folder: Path, weights: Path, *options: str | Path) -> int:
    given = [str(option) for option in options]
    return esam("predict", str(folder), "--model", "nano", "--weights", str(weights), *given)


def test_everything_of_a_folder_is_one_sheet(
    folder: Path, weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    sheet = tmp_path / "sheet.png"
    assert predict(folder, weights, "--everything", "--points-per-side", "4", "--out", sheet) == 0
    assert capsys.readouterr().out == f"3 of 3 images\nwrote {sheet}\n"
    with Image.open(sheet) as picture:
        assert picture.size == (3 * 166 + 6, 6 + 120 + 24 + 6)


def test_boxes_are_drawn_on_their_images(
    folder: Path, weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    boxes, sheet = tmp_path / "boxes.csv", tmp_path / "sheet.png"
    boxes.write_text(
        "image,label,x0,y0,x1,y1\n"
        "b.png,Dog,50,30,110,90\n"
        "some/where/b.png,,10,10,400,60\n"
        "gone.jpg,Cat,1,1,5,5\n"
    )
    assert predict(folder, weights, "--boxes", boxes, "--out", sheet) == 0
    said = capsys.readouterr()
    assert "1 of 1 images" in said.out
    assert "boxes of images that the folder does not have: gone.jpg" in said.err
    with Image.open(sheet) as picture:
        drawn = np.asarray(picture)
    assert drawn[6 + 30, 6 + 80].tolist() == [255, 200, 0], "the first box's upper side"
    assert drawn[6 + 60, 6 + 140].tolist() == [255, 200, 0], "the other ends with the image"


def test_an_image_that_cannot_be_read_costs_no_other_its_place(
    folder: Path, weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    (folder / "broken.jpg").write_bytes(b"no image at all")
    sheet = tmp_path / "sheet.png"
    assert predict(folder, weights, "--everything", "--points-per-side", "2", "--out", sheet) == 1
    said = capsys.readouterr()
    assert "3 of 4 images" in said.out
    assert "broken.jpg" in said.err
    assert sheet.exists()


def test_a_folder_of_which_no_image_can_be_read_has_no_sheet(
    weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder, sheet = tmp_path / "photos", tmp_path / "sheet.png"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"no image at all")
    assert predict(folder, weights, "--everything", "--out", sheet) == 1
    assert capsys.readouterr().out == "0 of 1 images\n"
    assert not sheet.exists()


def test_of_many_masks_the_caption_has_the_lowest_and_the_highest_score(
    folder: Path, weights: Path, photo_like: NDArray[np.uint8], tmp_path: Path
) -> None:
    found = [[50, 30, 110, 90], [10, 10, 40, 40], [90, 60, 150, 110], [0, 0, 159, 119]]
    boxes, sheet = tmp_path / "boxes.csv", tmp_path / "sheet.png"
    rows = [f"b.png,Dog,{','.join(map(str, box))}" for box in found]
    boxes.write_text("\n".join(["image,label,x0,y0,x1,y1", *rows, ""]))
    assert predict(folder, weights, "--boxes", boxes, "--out", sheet) == 0
    predictor = load_predictor("nano", weights)
    prompts = [Prompt(box=box) for box in found]
    answers = predict_objects(predictor, photo_like, prompts)
    low, *_, high = sorted(f"{answer.score:.2f}" for answer in answers)
    assert low < high
    caption = f"b.png: 4 masks, scores {low} to {high}"
    expected = np.asarray(draw_grid([Image.new("RGB", (160, 120))], [caption], 6))
    with Image.open(sheet) as picture:
        np.testing.assert_array_equal(np.asarray(picture)[126:], expected[126:])


def test_many_images_are_several_sheets(
    folder: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_command, "_SHEET_PICTURES", 2)
    out = tmp_path / "sheet.png"
    assert predict(folder, weights, "--everything", "--points-per-side", "2", "--out", out) == 0
    sizes = []
    for path in (out, tmp_path / "sheet-2.png"):
        with Image.open(path) as picture:
            sizes.append(picture.size)
    assert sizes == [(2 * 166 + 6, 156), (166 + 6, 156)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "s.png"), "add --everything, or --boxes FILE"),
        (("--everything",), "a folder needs --out"),
        (("--everything", "--out", "s.png", "--point", "9,9"), "does not go with --point"),
        (("--everything", "--out", "s.png", "--json", "-"), "does not go with --json"),
        (("--everything", "--out", "s.png", "--boxes", __file__), "does not go with --boxes"),
        (
            ("--boxes", __file__, "--out", "s.png", "--points-per-side", "4"),
            "does not go with --points-per-side",
        ),
    ],
)
def test_options_that_mean_nothing_for_a_folder_are_refused(
    folder: Path, weights: Path, capsys: Capture, options: tuple[str, ...], message: str
) -> None:
    assert predict(folder, weights, *options) == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert message in said


def test_a_folder_without_images_and_boxes_of_none_of_them_are_said(
    folder: Path, weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert predict(empty, weights, "--everything", "--out", "s.png") == 1
    assert "holds no image" in capsys.readouterr().err
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("image,x0,y0,x1,y1\nother.jpg,1,1,5,5\n")
    assert predict(folder, weights, "--boxes", boxes, "--out", "s.png") == 1
    assert "name images as a.jpg" in capsys.readouterr().err
