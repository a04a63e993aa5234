"""Images inside the task itself."""

import base64
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelstudio_backend import BackendError
from labelstudio_backend.errors import (
    ImageUnusable,
)
from labelstudio_backend.images.data_uri import decode_data_uri

from ..fetching import MAX_BYTES, fetch


@given(st.binary(max_size=200))
def test_a_data_uri_gives_back_its_content_in_both_encodings(content: bytes) -> None:
    encoded = base64.b64encode(content).decode()
    assert decode_data_uri(f"data:image/png;base64,{encoded}", 200) == content
    assert decode_data_uri(f"DATA:image/png,{quote(content)}", 200) == content
    assert decode_data_uri(f"data:image/png;base64,{quote(encoded)}", 200) == content


def test_a_data_uri_in_a_task_is_decoded_and_not_fetched() -> None:
    assert fetch("Data:image/png;base64,aGVsbG8=") == b"hello"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("data:image/png;base64", "no comma"),
        ("data:image/png;base64,a", "not valid base64"),
        ("data:image/png;base64,****", "not valid base64"),
        ("data:image/png," + "a" * (MAX_BYTES + 1), "100,001 bytes"),
        ("data:image/png," + "a" * (3 * MAX_BYTES + 1), "more than the limit"),
    ],
)
def test_a_data_uri_that_cannot_be_read_is_told(uri: str, reason: str) -> None:
    with pytest.raises(ImageUnusable, match=reason):
        fetch(uri)


def test_base64_may_be_broken_into_lines() -> None:
    assert decode_data_uri("data:;base64,aGVs\n bG8=", 100) == b"hello"


def test_no_name_of_a_file_on_this_machine_is_ever_opened(tmp_path: Path) -> None:
    file = tmp_path / "secret.png"
    file.write_bytes(b"secret")
    for source in (f"file://{file}", str(file)):
        with pytest.raises(BackendError):
            fetch(source)
