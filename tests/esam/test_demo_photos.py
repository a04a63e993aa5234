"""The host of the demo's photos."""

import socket
import struct

import httpx
import pytest

from esam.demo_photos import DEMO_PROMPTS, photo_host, photo_path, upload_path

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
