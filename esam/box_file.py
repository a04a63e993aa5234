"""Files of boxes, one object each: CSV or JSON, by task or by image.

CSV has a header with the columns ``x0,y0,x1,y1`` and ``task`` or ``image``, and ``label`` when the
boxes have one. JSON is a list of ``{"task": 7, "label": "Dog", "box": [x0, y0, x1, y1]}``, with
``"image"`` in place of ``"task"`` where the image is known and the task is not. Boxes are in pixels
of the original image. What else a file holds, such as a detector's score, is skipped and named.
"""

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import BoxFileInvalid

BoxXyxyPx = tuple[float, float, float, float]

_CORNERS = ("x0", "y0", "x1", "y1")
_CSV_COLUMNS = frozenset({"task", "image", "label", *_CORNERS})
_JSON_KEYS = frozenset({"task", "image", "label", "box"})
_TASK_ID = re.compile(r"[1-9][0-9]{0,17}")
_HEADER = "task,label,x0,y0,x1,y1 (or image in place of task)"
_ENTRY = '{"task": 7, "label": "Dog", "box": [x0, y0, x1, y1]}'


@dataclass(frozen=True)
class TaskBox:
    """One object of one task.

    Attributes:
        task: id of the task, None where the image names it.
        image: the image as the task names it, or its file name; None where there is a task id.
        label: of the mask; None leaves it to the run.
        box_xyxy_px: around the object, pixels of the original image.
    """

    task: int | None
    image: str | None
    label: str | None
    box_xyxy_px: BoxXyxyPx

    def to_json(self) -> dict[str, object]:
        """As ``POST /runs`` takes it."""
        box = list(self.box_xyxy_px)
        return {"task": self.task, "image": self.image, "label": self.label, "box": box}


@dataclass(frozen=True)
class BoxFile:
    """What a file holds.

    Attributes:
        boxes: in the file's order, at least one.
        skipped_names: columns or keys that mean nothing here, in the file's order.
    """

    boxes: tuple[TaskBox, ...]
    skipped_names: tuple[str, ...] = ()


class _Unreadable(Exception):
    """What is wrong with one line or entry."""


def read_box_file(path: Path) -> BoxFile:
    """Read a file of boxes; ``.json`` is JSON, anything else CSV.

    Raises:
        BoxFileInvalid: there is no such file, or something in it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BoxFileInvalid(f"cannot read the boxes {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BoxFileInvalid(f"{path} is not text in UTF-8; save it as UTF-8") from error
    read = _read_json if path.suffix.lower() == ".json" else _read_csv
    found = read(path, text)
    if not found.boxes:
        raise BoxFileInvalid(f"{path} holds no boxes")
    return found


def _read_csv(path: Path, text: str) -> BoxFile:
    # Strict: a quote that is never closed would swallow the rest of the file without a word.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(path, header)
        # Spreadsheets leave lines of commas behind.
        lines = ((reader.line_num, cells) for cells in reader if any(map(str.strip, cells)))
        boxes = tuple(_read_line(path, number, cells, header) for number, cells in lines)
    except csv.Error as error:
        raise BoxFileInvalid(f"{path}, line {reader.line_num}: {error}") from error
    return BoxFile(boxes, tuple(name for name in header if name not in _CSV_COLUMNS))


def _check_header(path: Path, header: list[str]) -> None:
    missing = [name for name in _CORNERS if name not in header]
    if not {"task", "image"} & set(header):
        missing.insert(0, "task or image")
    if missing:
        raise BoxFileInvalid(
            f"{path}, line 1: the header has no {', '.join(missing)}; it must be like {_HEADER}, "
            f"found {','.join(header)[:80]!r}"
        )
    twice = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if twice:
        raise BoxFileInvalid(f"{path}, line 1: the header has {', '.join(twice)} more than once")


def _read_line(path: Path, number: int, cells: list[str], header: list[str]) -> TaskBox:
    try:
        if len(cells) != len(header):
            raise _Unreadable(f"{len(cells)} cells, the header has {len(header)}")
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        return _make_box(row, [row[name] for name in _CORNERS])
    except _Unreadable as error:
        raise BoxFileInvalid(f"{path}, line {number}: {error}") from None


def _read_json(path: Path, text: str) -> BoxFile:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BoxFileInvalid(f"{path} is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise BoxFileInvalid(f"{path} must be a list of objects like {_ENTRY}")
    boxes: list[TaskBox] = []
    skipped: dict[str, None] = {}
    for number, entry in enumerate(entries, 1):
        try:
            boxes.append(_read_entry(entry))
        except _Unreadable as error:
            raise BoxFileInvalid(f"{path}, entry {number}: {error}") from None
        skipped |= dict.fromkeys(name for name in entry if name not in _JSON_KEYS)
    return BoxFile(tuple(boxes), tuple(skipped))


def _read_entry(entry: object) -> TaskBox:
    if not isinstance(entry, dict):
        raise _Unreadable(f"expected an object like {_ENTRY}, found {_shown(entry)}")
    corners = entry.get("box")
    if not isinstance(corners, list) or len(corners) != len(_CORNERS):
        raise _Unreadable(f'"box" must be [x0, y0, x1, y1], found {_shown(corners)}')
    return _make_box(entry, corners)


def _make_box(entry: Mapping[str, object], corners: list[object]) -> TaskBox:
    task, image = _read_task(entry.get("task")), _read_text("image", entry.get("image"))
    if task is None and image is None:
        raise _Unreadable("neither a task nor an image")
    # The id is the surer of the two: an image may be in several tasks.
    image = None if task is not None else image
    return TaskBox(task, image, _read_text("label", entry.get("label")), _read_box(corners))


def _read_task(value: object) -> int | None:
    if value is None or value == "":
        return None
    text = str(value)
    if isinstance(value, bool) or not _TASK_ID.fullmatch(text):
        raise _Unreadable(f"the task must be a task id such as 7, found {_shown(value)}")
    return int(text)


def _read_text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _Unreadable(f"the {name} must be text, found {_shown(value)}")
    return (value and value.strip()) or None


def _read_box(corners: list[object]) -> BoxXyxyPx:
    x0, y0, x1, y1 = (_read_number(*pair) for pair in zip(_CORNERS, corners, strict=True))
    shown = f"box {x0:g},{y0:g},{x1:g},{y1:g}"
    if x1 <= x0 or y1 <= y0:
        raise _Unreadable(f"{shown}: x1 must be above x0 and y1 above y0; is it x,y,width,height?")
    if x1 <= 0 or y1 <= 0:
        raise _Unreadable(f"{shown} lies outside the image")
    if x1 <= 1 and y1 <= 1:
        raise _Unreadable(f"{shown} is less than a pixel: pixels are expected, not fractions")
    return x0, y0, x1, y1


def _read_number(name: str, value: object) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise _Unreadable(f"{name} must be a number of pixels, found {_shown(value)}")
    return number


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
