"""``esam import-coco``: boxes of a COCO file for ``esam prelabel``."""

import json
from pathlib import Path
from typing import Any

import pytest

from esam.box_file import TaskBox, read_box_file
from esam.coco_boxes import read_coco_boxes
from esam.errors import BoxFileInvalid

from .command_line import esam

Json = dict[str, Any]
COCO: Json = {
    "info": {},
    "images": [{"id": 5, "file_name": "imgs/dog, one.jpg", "width": 640, "height": 480},
               {"id": 6, "file_name": "cat.jpg"}],
    "categories": [{"id": 1, "name": 'a "good" dog', "supercategory": "animal"},
                   {"id": 3, "name": "cat"}],
    "annotations": [
        {"id": 1, "image_id": 5, "category_id": 1, "bbox": [10.126, 20, 30, 40.5], "iscrowd": 0,
         "segmentation": [[1, 2, 3, 4, 5, 6]], "area": 100},
        {"id": 2, "image_id": 6, "category_id": 3, "bbox": [0, 0, 5, 5]},
        {"id": 3, "image_id": 6, "category_id": 3, "bbox": [0, 0, 100, 100], "iscrowd": 1},
        {"id": 4, "image_id": 6, "category_id": 3, "bbox": [4, 4, 0, 9]},
        {"id": 5, "image_id": 6, "category_id": 3},
    ],
}  # fmt: skip


def convert(tmp_path: Path, coco: object, out: str = "boxes.csv", *options: str) -> int:
    source = tmp_path / "instances.json"
    source.write_text(coco if isinstance(coco, str) else json.dumps(coco))
    return esam("import-coco", source, "--out", tmp_path / out, *options)


@pytest.mark.parametrize("out", ["boxes.csv", "boxes.json"])
def test_boxes_become_a_file_that_prelabel_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    assert convert(tmp_path, COCO, out) == 0
    assert "2 boxes on 2 images; left out: 1 crowds, 2 without a box" in capsys.readouterr().out
    assert read_box_file(tmp_path / out).boxes == (
        TaskBox(None, "imgs/dog, one.jpg", 'a "good" dog', (10.13, 20.0, 40.13, 60.5)),
        TaskBox(None, "cat.jpg", "cat", (0.0, 0.0, 5.0, 5.0)),
    )


def test_the_summary_is_there_for_programs_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(tmp_path, COCO, "boxes.csv", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == {"boxes": 2, "images": 2, "crowds": 1, "without_box": 2,
                     "file": str(tmp_path / "boxes.csv")}  # fmt: skip


@pytest.mark.parametrize(
    ("coco", "said"),
    [
        ("{", "is no COCO file of instances (the file: Invalid JSON"),
        ([], "is no COCO file of instances"),
        ({**COCO, "images": None}, "(images: "),
        ({**COCO, "annotations": [{"image_id": 9, "category_id": 1, "bbox": [0, 0, 5, 5]}]},
         "annotations.0: there is no image 9"),
        ({**COCO, "annotations": [{"image_id": 5, "category_id": 9, "bbox": [0, 0, 5, 5]}]},
         "annotations.0: there is no category 9"),
        ({**COCO, "annotations": [{"image_id": 5, "category_id": 1, "bbox": [0, 0, "NaN", 5]}]},
         "(annotations.0.bbox.2: "),
        ({**COCO, "annotations": []}, "holds no boxes"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], coco: object, said: str
) -> None:
    assert convert(tmp_path, coco) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "boxes.csv").exists()


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert esam("import-coco", tmp_path / "none.json", "--out", tmp_path / "boxes.csv") == 2
    assert "none.json' does not exist" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BoxFileInvalid, match=f"cannot read {tmp_path}: Is a directory"):
        read_coco_boxes(tmp_path)
