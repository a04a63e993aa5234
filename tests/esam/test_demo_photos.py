"""The host of the demo's photos."""

import socket
import struct
import sys
from pathlib import Path

import httpx
import pytest

from esam.demo_photos import DEMO_PROMPTS, find_samples, photo_host, photo_path, upload_path

from .command_line import esam

PHOTO = DEMO_PROMPTS[0].photo


def test_a_photo_is_served_to_who_has_the_token() -> None:
    with photo_host("secret") as url, httpx.Client(base_url=url) as client:
        assert client.get(upload_path(PHOTO)).status_code == 401
        client.headers["Authorization"] = "Token secret"
        assert client.get("/data/upload/1/none.png").status_code == 404
        answer = client.get(upload_path(PHOTO))
    assert answer.content == photo_path(PHOTO).read_bytes()
    assert answer.headers["ETag"] == f'"{PHOTO}"'


def test_who_hangs_up_before_the_photo_is_sent_causes_no_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    request = f"GET {upload_path(PHOTO)} HTTP/1.1\r\nAuthorization: Token secret\r\n\r\n"
    with photo_host("secret") as url:
        address = ("127.0.0.1", int(httpx.URL(url).port or 0))
        for _ in range(20):
            with socket.create_connection(address) as caller:
                # Closing resets the connection: what is sent into it after that fails.
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                caller.sendall(request.encode())
    assert capfd.readouterr().err == ""


def test_without_scikit_image_there_are_no_samples_and_the_demo_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find_samples()
    monkeypatch.setitem(sys.modules, "skimage", None)  # how Python notes what is not there
    assert find_samples() == ()
    assert esam("demo", "--out", tmp_path, "--model", "nano") == 1
    assert "pip install scikit-image" in capsys.readouterr().err
