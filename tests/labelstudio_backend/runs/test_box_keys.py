import pytest

from labelstudio_backend.protocol import Task
from labelstudio_backend.runs.box_keys import box_key, find_box_keys


@pytest.mark.parametrize(
    "source",
    [
        "/data/upload/1/0c16fb5e-dog.jpg",
        "http://localhost:8080/data/local-files/?d=photos/dog.jpg",
        "https://host/a/dog.jpg?signature=1",
        "s3://bucket/photos/dog.jpg",
        "dog.jpg",
    ],
)
def test_a_file_name_finds_its_task_wherever_the_image_is(source: str) -> None:
    assert box_key(None, "dog.jpg") in find_box_keys(Task(id=7, data={"image": source}))


def test_the_task_and_the_whole_url_find_it_too() -> None:
    keys = find_box_keys(Task(id=7, data={"image": "https://host/dog.jpg?v=2", "n": 3}))
    assert {
        box_key(7, None),
        box_key(7, "other.jpg"),
        box_key(None, "https://host/dog.jpg?v=2"),
    } <= {*keys}


def test_another_file_does_not_find_it_and_a_data_uri_has_no_name() -> None:
    task = Task(id=7, data={"image": "/data/upload/1/0c16fb5e-hotdog.jpg"})
    assert box_key(None, "dog.jpg") not in find_box_keys(task)
    assert find_box_keys(Task(id=7, data={"image": "data:image/png;base64,AAAA"})) == ["task:7"]


def test_a_malformed_url_has_itself_alone() -> None:
    task = Task(id=7, data={"image": "http://[broken/dog.jpg"})
    assert find_box_keys(task) == ["task:7", box_key(None, "http://[broken/dog.jpg")]


def test_a_key_does_not_show_the_url_that_it_stands_for() -> None:
    assert "signature" not in box_key(None, "https://host/dog.jpg?signature=1")
