"""``esam export`` against a Label Studio: which regions count, what is written, what fails."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from esam.dataset_export import FORMATS
from labelstudio_backend import encode_brush_rle
from tests.esam.dataset_export.drawn import SIZE_HW, make_disc
from tests.label_studio_stand_in import LabelStudioStandIn

from .command_line import esam

# pycocotools 2.0.11 decodes with a form of numpy's protocol that numpy 2 calls old.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Json = dict[str, Any]
DISC = make_disc(60, 40, 30)


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Iterator[LabelStudioStandIn]:
    with LabelStudioStandIn() as stand_in:
        monkeypatch.setenv("LABEL_STUDIO_URL", stand_in.url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", stand_in.token or "")
        yield stand_in


def make_jpeg(orientation: int | None = None) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(np.zeros((*SIZE_HW, 3), np.uint8)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def make_brush(
    mask: NDArray[np.bool_], label: str | None = "Dog", id: str = "a", **more: object
) -> Json:
    labels = {} if label is None else {"brushlabels": [label]}
    return {
        "id": id, "type": "brushlabels", "from_name": "tag", "to_name": "image",
        "original_width": mask.shape[1], "original_height": mask.shape[0],
        "value": {"format": "rle", "rle": encode_brush_rle(mask), **labels}, **more,
    }  # fmt: skip


PROMPT = {
    "id": "p", "type": "rectanglelabels", "from_name": "tag3", "to_name": "image",
    "original_width": 120, "original_height": 90,
    "value": {"x": 0, "y": 0, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["Dog"]},
}  # fmt: skip


def annotate(studio: LabelStudioStandIn, task: int, *result: Json, **more: object) -> None:
    drawn = studio.project.annotations.setdefault(task, [])
    drawn.append({"id": len(drawn) + 1, "result": list(result), **more})


def export(out: Path, *options: str) -> int:
    return esam("export", "--project", "1", "--out", out, *options)


def read_coco(folder: Path) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """File name, label and mask of each object."""
    coco = json.loads((folder / "annotations.json").read_text())
    images = {image["id"]: image["file_name"] for image in coco["images"]}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    return [
        (images[one["image_id"]], names[one["category_id"]],
         coco_mask.decode(one["segmentation"]) > 0)
        for one in coco["annotations"]
    ]  # fmt: skip


def test_masks_of_the_newest_annotation_are_written_and_prompts_are_not(
    studio: LabelStudioStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (task,) = studio.add_tasks([{"image": studio.add_image("dog.jpg", b"")}])
    old, new = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    annotate(studio, task, make_brush(make_disc(9, 9, 5)), updated_at=old)
    annotate(studio, task, PROMPT, make_brush(DISC, id="b"), updated_at=new)
    annotate(studio, task, make_brush(make_disc(9, 9, 5)), updated_at=old, was_cancelled=False)
    annotate(studio, task, make_brush(make_disc(5, 5, 3)), was_cancelled=True)
    assert export(tmp_path / "set") == 0
    ((name, label, mask),) = read_coco(tmp_path / "set")
    assert name.endswith("-dog.jpg")
    assert label == "Dog"
    np.testing.assert_array_equal(mask, DISC)
    assert "1 objects on 1 images; of 1 tasks 0 have nothing drawn" in capsys.readouterr().out


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_is_written_with_its_images(
    studio: LabelStudioStandIn, tmp_path: Path, format_name: str
) -> None:
    tasks = studio.add_tasks(
        [{"image": studio.add_image(f"{n}.jpg", make_jpeg())} for n in range(3)]
    )
    for task in tasks[:2]:
        annotate(studio, task, make_brush(DISC))
    assert export(tmp_path, "--format", format_name, "--images") == 0
    pictures = list(tmp_path.rglob("*.jpg"))
    assert len(pictures) == 2
    assert {path.parent.name for path in pictures} <= {"images", "JPEGImages"}
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path not in pictures]
    assert written


def test_predictions_are_written_of_the_model_that_is_named(
    studio: LabelStudioStandIn, tmp_path: Path
) -> None:
    (task,) = studio.add_tasks([{"image": "https://host/dog.jpg"}])
    annotate(studio, task, make_brush(make_disc(9, 9, 5)))
    for number, (version, radius) in enumerate([("one", 10), ("two", 20), ("one", 30)]):
        studio.predictions.setdefault(task, []).append(
            {"id": number, "model_version": version, "score": 0.5,
             "result": [make_brush(make_disc(60, 40, radius), score=0.75)]}
        )  # fmt: skip
    assert export(tmp_path / "latest", "--predictions") == 0
    assert export(tmp_path / "two", "--predictions", "--model-version", "two") == 0
    assert export(tmp_path / "none", "--predictions", "--model-version", "three") == 0
    np.testing.assert_array_equal(read_coco(tmp_path / "latest")[0][2], make_disc(60, 40, 30))
    np.testing.assert_array_equal(read_coco(tmp_path / "two")[0][2], make_disc(60, 40, 20))
    assert read_coco(tmp_path / "none") == []
    (found,) = json.loads((tmp_path / "two" / "annotations.json").read_text())["annotations"]
    assert found["score"] == 0.75


def test_what_cannot_be_written_is_said_with_its_task_and_the_rest_is_there(
    studio: LabelStudioStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, broken, other_size, unlabelled, empty, gone = studio.add_tasks(
        [{"image": studio.add_image(f"{n}.jpg", make_jpeg())} for n in range(5)]
        + [{"image": "/data/upload/1/00000000-gone.jpg"}]
    )
    annotate(studio, good, make_brush(DISC))
    annotate(studio, gone, make_brush(DISC))
    damaged = make_brush(DISC)
    damaged["value"]["rle"] = damaged["value"]["rle"][:20]
    annotate(studio, broken, damaged)
    annotate(studio, other_size, make_brush(np.ones((30, 40), bool)))
    annotate(studio, unlabelled, make_brush(DISC, label=None))
    assert export(tmp_path / "set", "--images", "--json") == 1
    facts = json.loads(capsys.readouterr().out)
    reasons = {failure["task"]: failure["reason"] for failure in facts.pop("failures")}
    assert facts == {"tasks": 6, "images": 2, "objects": 2, "empty": 1,
                     "folder": str(tmp_path / "set")}  # fmt: skip
    assert "404" in reasons[gone]
    assert "the brush RLE ends in the middle" in reasons[broken]
    assert "40×30 pixels, and the image now has 120×90" in reasons[other_size]
    assert empty not in reasons
    assert [label for _, label, _ in read_coco(tmp_path / "set")] == ["Dog", "object"]
    assert len(list(tmp_path.rglob("*.jpg"))) == 2, "no image without its labels"


def test_people_are_told_of_each_task_that_could_not_be_written(
    studio: LabelStudioStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, mixed = studio.add_tasks([{"image": f"https://host/{n}.jpg"} for n in range(2)])
    annotate(studio, good, make_brush(DISC))
    annotate(studio, mixed, make_brush(DISC), make_brush(np.ones((30, 40), bool), id="b"))
    assert export(tmp_path / "set") == 1
    out, err = capsys.readouterr()
    assert f"task {mixed}: its regions are of images of 120×90 and 40×30 pixels\n" in err
    assert "1 objects on 1 images; of 2 tasks 0 have nothing drawn, 1 failed\n" in out


def test_a_folder_that_goes_away_meanwhile_is_told(
    studio: LabelStudioStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (task,) = studio.add_tasks([{"image": "https://host/dog.jpg"}])
    annotate(studio, task, make_brush(DISC))
    studio.do_after_next("GET /api/tasks", (tmp_path / "set").rmdir)
    assert export(tmp_path / "set") == 1
    assert "esam: cannot write the dataset: [Errno 2] No such file" in capsys.readouterr().err


def test_a_photo_that_a_camera_turned_is_exported_as_it_was_drawn_on(
    studio: LabelStudioStandIn, tmp_path: Path
) -> None:
    (task,) = studio.add_tasks([{"image": studio.add_image("dog.jpg", make_jpeg(6))}])
    annotate(studio, task, make_brush(DISC.T.copy()))
    assert export(tmp_path, "--images") == 0
    (picture,) = tmp_path.rglob("*.jpg")
    with Image.open(picture) as image:
        assert image.size == (90, 120)
    assert read_coco(tmp_path)[0][2].shape == (120, 90)


def test_a_project_of_several_pages_is_exported_whole_while_tasks_are_deleted(
    studio: LabelStudioStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = studio.add_tasks([{"image": f"https://host/{n}.jpg"} for n in range(250)])
    for task in tasks:
        annotate(studio, task, make_brush(make_disc(9, 9, 5)))
    studio.do_after_next("GET /api/tasks", lambda: studio.delete_task(tasks[0]))
    assert export(tmp_path / "set", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["objects"] == 249
    names = [name for name, _, _ in read_coco(tmp_path / "set")]
    assert names == [f"{n}.jpg" for n in range(1, 250)]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--format", "tiff"), 2, "tiff"),
        (("--model-version", "one"), 2, "goes with --predictions alone"),
        (("--url", "nonsense"), 2, "--url"),
    ],
)
def test_options_that_cannot_be_used_are_said(
    studio: LabelStudioStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...], code: int, said: str,
) -> None:  # fmt: skip
    assert export(tmp_path / "set", *options) == code
    assert said in capsys.readouterr().err


def test_a_folder_that_holds_something_is_left_alone(
    studio: LabelStudioStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    assert export(tmp_path) == 2
    assert "is not empty; name a new folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_without_label_studio_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_HOST", "LABEL_STUDIO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert export(tmp_path) == 2
    assert "set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY" in capsys.readouterr().err
