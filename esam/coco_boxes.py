"""The boxes of a COCO file as prompts: https://cocodataset.org/#format-data."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from .box_file import BoxXyxyPx, TaskBox
from .errors import BoxFileInvalid

_DECIMALS = 2


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Image(_Part):
    id: int
    file_name: Annotated[str, Field(min_length=1)]


class _Category(_Part):
    id: int
    name: str


class _Annotation(_Part):
    image_id: int
    category_id: int
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    iscrowd: int = 0


class _Coco(_Part):
    images: tuple[_Image, ...]
    annotations: tuple[_Annotation, ...]
    categories: tuple[_Category, ...]


@dataclass(frozen=True)
class CocoBoxes:
    """What a COCO file holds for prompting.

    Attributes:
        boxes: in the file's order.
        crowds: annotations of crowds; they are no single object.
        without_box: annotations that have no box, or one of no area.
    """

    boxes: tuple[TaskBox, ...]
    crowds: int
    without_box: int


def read_coco_boxes(path: Path) -> CocoBoxes:
    """Read the boxes of a COCO file of instances.

    Raises:
        BoxFileInvalid: there is no such file, it is not COCO's, or it contradicts itself.
    """
    try:
        coco = _Coco.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BoxFileInvalid(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise BoxFileInvalid(
            f"{path} is no COCO file of instances ({place}: {first['msg']})"
        ) from None
    names = {image.id: image.file_name for image in coco.images}
    labels = {category.id: category.name for category in coco.categories}
    boxes: list[TaskBox] = []
    crowds = without_box = 0
    for number, one in enumerate(coco.annotations):
        box = _read_box(one)
        if one.iscrowd:
            crowds += 1
        elif box is None:
            without_box += 1
        else:
            _check_known(path, number, one, names, labels)
            boxes.append(TaskBox(None, names[one.image_id], labels[one.category_id], box))
    return CocoBoxes(tuple(boxes), crowds, without_box)


def write_boxes(boxes: Sequence[TaskBox], path: Path) -> str:
    """The text of a file of boxes by image, as ``read_box_file`` takes it: CSV, or JSON."""
    if path.suffix.lower() == ".json":
        entries = [
            {"image": one.image, "label": one.label, "box": _round(one.box_xyxy_px)}
            for one in boxes
        ]
        return json.dumps(entries, ensure_ascii=False)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", "label", "x0", "y0", "x1", "y1"])
    table.writerows([one.image, one.label, *_round(one.box_xyxy_px)] for one in boxes)
    return text.getvalue()


def _read_box(one: _Annotation) -> BoxXyxyPx | None:
    if one.bbox is None:
        return None
    x, y, width, height = one.bbox
    return (x, y, x + width, y + height) if width > 0 and height > 0 else None


def _check_known(
    path: Path, number: int, one: _Annotation, names: dict[int, str], labels: dict[int, str]
) -> None:
    for kind, wanted, known in (
        ("image", one.image_id, names),
        ("category", one.category_id, labels),
    ):
        if wanted not in known:
            raise BoxFileInvalid(f"{path}, annotations.{number}: there is no {kind} {wanted}")


def _round(box: BoxXyxyPx) -> list[float]:
    return [round(value, _DECIMALS) for value in box]
