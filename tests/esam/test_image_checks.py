"""The doctor reads an image of each kind of storage."""

import base64

import pytest

from esam.image_checks import name_storage

from ..labelstudio_backend.image_host import run_host
from .examined import PNG, ConnectedLabelStudio, examine


def test_one_image_of_each_kind_of_storage_is_read(
    label_studio: ConnectedLabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESAM_ALLOW_PRIVATE_ADDRESSES", "true")
    label_studio.local_files["dogs/dog.png"] = PNG
    label_studio.cloud_files["s3://bucket/dog.png"] = PNG
    with run_host() as host:
        url = host.serve("/dog.png", PNG)
        label_studio.add_tasks(
            [
                {"image": f"{label_studio.url}/data/local-files/?d=dogs/dog.png"},
                {"image": url},
                {"image": url + "?again"},
                {"image": "data:image/png;base64," + base64.b64encode(PNG).decode()},
                {"image": "s3://bucket/dog.png"},
            ]
        )
        found = examine(label_studio)
        assert len(host.requests) == 1, "one of each kind is enough"
    assert found.failed_count == 0, found.lines
    for storage in ("upload", "local file", "http(s)", "data URI", "s3://"):
        assert f"60 × 40 pixels, {len(PNG)} bytes" in found[f"image, {storage}"]


def test_an_image_that_cannot_be_read_is_told_and_the_others_are_read(
    label_studio: ConnectedLabelStudio,
) -> None:
    label_studio.add_tasks(
        [
            {"image": f"{label_studio.url}/data/local-files/?d=gone.png"},
            {"image": "http://127.0.0.1:1/dog.png"},
            {"image": "data:image/png;base64,aGVsbG8="},
            {"image": "ftp://host/dog.png"},
            {"text": "no image"},
        ]
    )
    found = examine(label_studio)
    assert found["image, upload"].startswith("✓ ")
    assert "gone (404); was the file moved or deleted?" in found["image, local file"]
    assert "ESAM_ALLOW_PRIVATE_ADDRESSES" in found["image, http(s)"]
    assert "not an image that can be read" in found["image, data URI"]
    assert "not fetched" in found["image, something else"]
    assert found["images"].startswith("! ")
    assert "no image in 'image': tasks 6" in found["images"]
    assert (found.failed_count, found.warning_count) == (4, 1)


def test_a_label_config_that_names_another_field_is_told(
    label_studio: ConnectedLabelStudio,
) -> None:
    config = label_studio.project.label_config
    label_studio.project.label_config = config.replace("$image", "$photo")
    line = examine(label_studio)["images"]
    assert "none of the first 1 tasks has an image in 'photo'" in line
    assert line.startswith("✗ ")


def test_a_project_without_tasks_is_told(label_studio: ConnectedLabelStudio) -> None:
    label_studio.delete_task(1)
    found = examine(label_studio)
    assert found["project"].startswith("! ")
    assert "has no tasks" in found["images"]


@pytest.mark.parametrize(
    ("source", "storage"),
    [
        ("/data/upload/1/0c16fb5e-dog.jpg", "upload"),
        ("http://ls/studio/data/upload/1/dog.jpg", "upload"),
        ("/data/local-files/?d=dog.jpg", "local file"),
        ("https://host/dog.jpg", "http(s)"),
        ("HTTPS://host/dog.jpg", "http(s)"),
        ("data:image/png;base64,/data/upload/", "data URI"),
        ("s3://bucket/data/upload/dog.jpg", "s3://"),
        ("gs://bucket/dog.jpg", "gs://"),
        ("azure-blob://bucket/dog.jpg", "azure-blob://"),
        ("/static/dog.jpg", "path in Label Studio"),
        ("dog.jpg", "something else"),
    ],
)
def test_storages_are_told_apart(source: str, storage: str) -> None:
    assert name_storage(source) == storage
