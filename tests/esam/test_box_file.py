"""Files of boxes: what is read, and how what cannot be read is told."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esam.box_file import TaskBox, read_box_file
from esam.errors import BoxFileInvalid


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_and_json_say_the_same(tmp_path: Path) -> None:
    csv = write(
        tmp_path,
        "boxes.csv",
        "task,image,label,x0,y0,x1,y1\n7,,Dog,10,20,110.5,220\n,dog.jpg,,1,2,3,4\n",
    )
    entries = [
        {"task": 7, "label": "Dog", "box": [10, 20, 110.5, 220]},
        {"image": "dog.jpg", "box": [1, 2, 3, 4]},
    ]
    expected = (
        TaskBox(7, None, "Dog", (10, 20, 110.5, 220)),
        TaskBox(None, "dog.jpg", None, (1, 2, 3, 4)),
    )
    assert read_box_file(csv).boxes == expected
    assert read_box_file(write(tmp_path, "boxes.json", json.dumps(entries))).boxes == expected


def test_a_table_as_spreadsheets_write_it_is_read(tmp_path: Path) -> None:
    text = '\ufeffTask, X0 ,Y0,X1,Y1,Label\r\n7,1,2,30,40,"Dog, ""small"""\r\n\r\n,,,, ,\r\n'
    (box,) = read_box_file(write(tmp_path, "boxes.csv", text)).boxes
    assert box == TaskBox(7, None, 'Dog, "small"', (1, 2, 30, 40))


def test_the_task_counts_where_both_are_named(tmp_path: Path) -> None:
    text = "task,image,x0,y0,x1,y1\n7,dog.jpg,1,2,30,40\n"
    (box,) = read_box_file(write(tmp_path, "boxes.csv", text)).boxes
    assert (box.task, box.image) == (7, None)


def test_what_a_file_holds_beside_is_skipped_and_named(tmp_path: Path) -> None:
    csv = write(tmp_path, "boxes.csv", "task,x0,y0,x1,y1,score,source\n7,1,2,30,40,0.9,yolo\n")
    assert read_box_file(csv).skipped_names == ("score", "source")
    text = json.dumps([{"task": 7, "box": [1, 2, 30, 40], "score": 0.9}] * 2)
    assert read_box_file(write(tmp_path, "boxes.json", text)).skipped_names == ("score",)


HEADER = "task,label,x0,y0,x1,y1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header has no task or image, x0, y0, x1, y1"),
        ("7,Dog,1,2,30,40\n", "line 1: the header has no task or image, x0"),
        ("task;label;x0;y0;x1;y1\n", "found 'task;label;x0;y0;x1;y1'"),
        ("task,x,y,width,height\n", "the header has no x0, y0, x1, y1"),
        ("task,task,x0,y0,x1,y1\n", "has task more than once"),
        (HEADER, "holds no boxes"),
        (HEADER + "7,Dog,1,2,30\n", "line 2: 5 cells, the header has 6"),
        (HEADER + "7,Dog,1,2,30,40\n\n8,Dog,1,2,thirty,40\n", "line 4: x1 must be a number"),
        (HEADER + "7,Dog,1,2,nan,40\n", "line 2: x1 must be a number of pixels, found 'nan'"),
        (HEADER + "7,Dog,1,2,,40\n", "line 2: x1 must be a number of pixels, found ''"),
        (HEADER + ",Dog,1,2,30,40\n", "line 2: neither a task nor an image"),
        (HEADER + "dog.jpg,Dog,1,2,30,40\n", "line 2: the task must be a task id"),
        (HEADER + "-7,Dog,1,2,30,40\n", "line 2: the task must be a task id"),
        (HEADER + "7,Dog,100,100,30,40\n", "line 2: box 100,100,30,40: x1 must be above x0"),
        (HEADER + "7,Dog,0.1,0.2,0.3,0.4\n", "pixels are expected, not fractions"),
        (HEADER + "7,Dog,-90,2,-30,40\n", "lies outside the image"),
        (HEADER + '7,"Dog\n8,Dog,1,2,30,40\n', "line 3: unexpected end of data"),
        (HEADER + '7,"two\nlines",1,2,30,40\n8,Dog,1,2,3\n', "line 4: 5 cells"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, "boxes.csv", text)
    with pytest.raises(BoxFileInvalid) as told:
        read_box_file(path)
    assert message in str(told.value)
    assert str(path) in str(told.value)


GOOD = {"task": 7, "label": "Dog", "box": [1, 2, 30, 40]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "is not JSON: "),
        ("[" * 100_000, "is not JSON: "),
        ('{"task": 7}', "must be a list of objects"),
        ("[]", "holds no boxes"),
        (json.dumps([GOOD, 3]), "entry 2: expected an object"),
        (json.dumps([GOOD, {"task": 7}]), 'entry 2: "box" must be [x0, y0, x1, y1], found None'),
        (json.dumps([{**GOOD, "box": [1, 2, 3]}]), 'entry 1: "box" must be'),
        (json.dumps([{**GOOD, "box": [1, 2, None, 4]}]), "entry 1: x1 must be a number"),
        (json.dumps([{**GOOD, "box": [1, 2, True, 4]}]), "x1 must be a number"),
        (json.dumps([{**GOOD, "box": [1, 2, 10**400, 4]}]), "x1 must be a number"),
        (json.dumps([{**GOOD, "task": None}]), "neither a task nor an image"),
        (json.dumps([{**GOOD, "task": True}]), "the task must be a task id such as 7, found True"),
        (json.dumps([{**GOOD, "label": 3}]), "the label must be text, found 3"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, "boxes.json", text)
    with pytest.raises(BoxFileInvalid) as told:
        read_box_file(path)
    assert message in str(told.value)
    assert str(path) in str(told.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BoxFileInvalid, match="No such file"):
        read_box_file(tmp_path / "boxes.csv")
    (tmp_path / "latin.csv").write_bytes(HEADER.encode() + "7,Höhle,1,2,30,40\n".encode("latin-1"))
    with pytest.raises(BoxFileInvalid, match="save it as UTF-8"):
        read_box_file(tmp_path / "latin.csv")


@given(
    st.one_of(
        st.text(max_size=200),
        st.text(alphabet='7,"\n x-.', max_size=60).map(lambda rest: HEADER + rest),
    )
)
def test_whatever_a_table_holds_is_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        boxes = read_box_file(path).boxes
    except BoxFileInvalid as told:
        assert str(path) in str(told)  # noqa: PT017  either is fine
    else:
        assert all(b.box_xyxy_px[0] < b.box_xyxy_px[2] for b in boxes)
