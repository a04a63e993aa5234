"""What hosts answer, and what is made of it."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from labelstudio_backend.errors import (
    ImageHostError,
    ImageHostUnreachable,
    ImageMissing,
    ImageTokenRefused,
    ImageUnusable,
)

from ..conftest import TOKEN
from ..fetching import MAX_BYTES, account_on, fetch, make_fetcher, shared_fetcher
from ..image_host import Host, send


def test_a_missing_file_is_told_with_its_path(host: Host) -> None:
    with pytest.raises(ImageMissing, match=r"/data/upload/1/gone\.png is gone"):
        fetch("/data/upload/1/gone.png?sig=secret", account_on(host.url))


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_names_host_and_both_kinds_of_token(host: Host, status: int) -> None:
    host.serve("/data/dog.png", b"", status)
    with pytest.raises(ImageTokenRefused) as refused:
        fetch("/data/dog.png", account_on(host.url))
    for part in (host.url, str(status), "legacy token", "personal access token"):
        assert part in refused.value.detail
    assert TOKEN not in refused.value.detail


@pytest.mark.parametrize(
    "path",
    [
        "/api/users/",
        "/data/../api/users/",
        "/data/%2e%2e/api/users/",
        "/data/..%2fapi/users/",
        "/data/x\\..\\..\\api",
        "/user/account",
        "/dataset/dog.png",
        "/tasks/x/resolve/?fileuri=a",
    ],
)
def test_a_task_cannot_have_the_token_shown_to_other_calls_of_label_studio(
    host: Host, path: str
) -> None:
    host.answers = Answering(401)
    with pytest.raises(ImageTokenRefused, match="no file of Label Studio's"):
        fetch(path, account_on(host.url))
    assert host.authorizations == [None]


@pytest.mark.parametrize(
    "path",
    [
        "/data/upload/1/dog.png",
        "/data/local-files/?d=../../etc/passwd",
        "/storage-data/uploaded/?filepath=dog.png",
        "/tasks/7/resolve/?fileuri=czM6Ly9h",
        "/projects/7/resolve/?fileuri=czM6Ly9h",
    ],
)
def test_files_of_label_studio_are_asked_for_with_the_token(host: Host, path: str) -> None:
    # What lies outside its root is Label Studio's to refuse: no file is read here.
    host.answers = Answering(404)
    with pytest.raises(ImageMissing):
        fetch(path, account_on(host.url))
    assert host.authorizations == [f"Token {TOKEN}"]


class Answering(dict[str, Callable[[BaseHTTPRequestHandler], None]]):
    """The same status for whatever is asked."""

    def __init__(self, status: int) -> None:
        self._status = status

    def get(self, key: str, default: Any = None) -> Callable[[BaseHTTPRequestHandler], None]:
        return lambda handler: send(handler, self._status, b"")


def test_a_missing_token_is_told_as_missing(host: Host) -> None:
    host.serve("/data/dog.png", b"", 401)
    with pytest.raises(ImageTokenRefused, match="none is set"):
        fetch("/data/dog.png", account_on(host.url, token=None))


def test_a_refusal_by_another_host_speaks_of_buckets_and_not_of_tokens(host: Host) -> None:
    url = host.serve("/dog.png?X-Amz-Signature=abc", b"", 403)
    with pytest.raises(ImageTokenRefused, match="signed URL expired") as refused:
        fetch(url)
    assert "abc" not in refused.value.detail


def test_a_login_page_instead_of_an_image_is_a_refused_token(host: Host) -> None:
    host.redirect("/data/dog.png", "/user/login/?next=/data/dog.png")
    host.serve(
        "/user/login/?next=/data/dog.png", b"<html>", Content_Type="text/html; charset=utf-8"
    )
    with pytest.raises(ImageTokenRefused, match=r"login page.*refuses the token"):
        fetch("/data/dog.png", account_on(host.url))


def test_a_broken_host_is_told_with_its_status(host: Host) -> None:
    with pytest.raises(ImageHostError, match="answered 500"):
        fetch(host.serve("/dog.png", b"", 500))


def test_a_body_above_the_limit_is_not_read_when_its_length_is_told(host: Host) -> None:
    url = host.serve("/dog.png", b"x" * (MAX_BYTES + 1))
    with pytest.raises(ImageUnusable, match="has 100,001 bytes, the limit is 100,000"):
        fetch(url)


def test_an_endless_body_is_cut_at_the_limit(host: Host) -> None:
    sent = 0

    def answer(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 10_000)
            sent += 10_000

    host.answers["/endless"] = answer
    with pytest.raises(ImageUnusable, match="more than 100,000 bytes"):
        fetch(host.url + "/endless")
    assert sent < 100 * MAX_BYTES


def test_a_body_that_trickles_is_given_up_at_the_deadline(host: Host) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.02)  # slow on purpose

    host.answers["/slow"] = answer
    with pytest.raises(ImageHostUnreachable, match=r"within 0\.3 s"):
        fetch(host.url + "/slow", fetcher=make_fetcher(timeout_s=0.3))


def drip(handler: BaseHTTPRequestHandler, start: bytes, drop: bytes) -> None:
    """Send a start, and then a little every now and then, without end."""
    handler.wfile.write(start)
    while True:
        handler.wfile.write(drop)
        time.sleep(0.02)  # slow on purpose


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"A: b\r\n"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["status line", "headers", "length of a chunk", "trailers", "early hints"],
)
def test_nothing_that_trickles_is_waited_for_beyond_the_deadline(
    host: Host, start: bytes, drop: bytes
) -> None:
    host.answers["/drip"] = lambda handler: drip(handler, start, drop)
    with pytest.raises(ImageHostUnreachable, match=r"within 0\.3 s"):
        fetch(host.url + "/drip", fetcher=make_fetcher(timeout_s=0.3))


def test_redirects_share_one_deadline(host: Host) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.2)  # slow on purpose
        send(handler, 302, b"", Location="/round")

    host.answers["/round"] = answer
    with pytest.raises(ImageHostUnreachable, match=r"within 0\.5 s"):
        fetch(host.url + "/round", fetcher=make_fetcher(timeout_s=0.5, max_redirects=1000))
    assert len(host.requests) <= 4


def test_nobody_is_connected_to_once_the_time_is_spent(host: Host) -> None:
    spent_s = 0.0

    def answer(handler: BaseHTTPRequestHandler) -> None:
        nonlocal spent_s
        spent_s = 6
        send(handler, 302, b"", Location="/next")

    host.answers["/slow"] = answer
    fetcher = make_fetcher(timeout_s=5, clock=lambda: spent_s)
    with pytest.raises(ImageHostUnreachable):
        fetch(host.url + "/slow", fetcher=fetcher)
    assert [path for path, _ in host.requests] == ["/slow"]


def test_the_number_of_redirects_is_the_operators(host: Host) -> None:
    url = host.redirect("/a", host.redirect("/b", host.serve("/c", b"png")))
    assert fetch(url, fetcher=make_fetcher(max_redirects=2)) == b"png"
    with pytest.raises(ImageHostError, match="more than 1 times; ESAM_IMAGE_MAX_REDIRECTS"):
        fetch(url, fetcher=make_fetcher(max_redirects=1))


def test_what_was_compressed_unasked_is_not_blown_up(host: Host) -> None:
    bomb = gzip.compress(bytes(50 * MAX_BYTES))
    assert len(bomb) < MAX_BYTES
    url = host.serve("/bomb", bomb, Content_Encoding="gzip")
    assert fetch(url) == bomb


def test_a_host_that_never_answers_is_given_up_at_the_deadline(host: Host) -> None:
    released = threading.Event()
    host.answers["/silent"] = lambda handler: send(handler, 200, b"" * int(released.wait(10)))
    with pytest.raises(ImageHostUnreachable, match=r"within 0\.3 s"):
        fetch(host.url + "/silent", fetcher=make_fetcher(timeout_s=0.3))
    released.set()


def test_a_body_that_breaks_off_is_told(host: Host) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"x" * 10)

    host.answers["/short"] = answer
    with pytest.raises(ImageHostError, match="broke off after 10 bytes"):
        fetch(host.url + "/short")


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections for as long as the body runs."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def test_a_host_that_refuses_connections_is_told_with_what_to_check_in_docker() -> None:
    with closed_port() as port, pytest.raises(ImageHostUnreachable) as unreachable:
        fetch("/data/dog.png", account_on(f"http://127.0.0.1:{port}"))
    assert f"127.0.0.1:{port}" in unreachable.value.detail
    assert "host.docker.internal" in unreachable.value.detail


def test_a_name_that_does_not_resolve_is_told() -> None:
    with pytest.raises(ImageHostUnreachable, match=r"'nowhere\.invalid' cannot be resolved"):
        fetch("http://nowhere.invalid/dog.png")


def test_something_that_is_not_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ImageHostError, match="does not answer in HTTP"):
            fetch(f"http://127.0.0.1:{server.getsockname()[1]}/dog.png")
        thread.join()


def test_validators_make_an_alias_that_changes_with_them(host: Host) -> None:
    def alias() -> str | None:
        with shared_fetcher().open(host.url + "/dog.png", None) as image:
            return image.alias

    host.serve("/dog.png", b"png")
    assert alias() is None
    host.serve("/dog.png", b"png", Last_Modified="Mon, 23 Nov 2026 00:00:00 GMT")
    by_date = alias()
    host.serve("/dog.png", b"png", ETag='"1"')
    by_etag = alias()
    assert by_etag == alias()
    host.serve("/dog.png", b"png", ETag='"2"')
    assert len({None, by_date, by_etag, alias()}) == 4


def test_only_label_studios_own_uploads_need_no_validators(host: Host, other_host: Host) -> None:
    path = "/data/upload/1/0c16fb5e-dog.png"
    account = account_on(host.url)
    host.serve(path, b"png")
    url = other_host.serve(path, b"png")
    with shared_fetcher().open(path, account) as own:
        assert own.alias is not None
    with shared_fetcher().open(url, account) as foreign:
        assert foreign.alias is None
