"""Downloads from a real local server that can be told to misbehave."""

import http.server
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core import CheckpointError
from esam.download import download_file
from esam.errors import DownloadError

CONTENT = bytes(range(256)) * 20_000


@dataclass
class FileServer:
    """Serves one file; cuts the first ``cuts`` answers off half-way."""

    cuts: int = 0
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        if handler.path != "/model.pt":
            handler.send_error(404)
            return
        asked = handler.headers.get("Range")
        self.ranges.append(asked)
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        start = int(match[1]) if match else 0
        if start >= len(CONTENT):
            handler.send_error(416)
            return
        body = CONTENT[start:]
        handler.send_response(206 if match else 200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if self.cuts:
            self.cuts -= 1
            body = body[: len(body) // 2]
        handler.wfile.write(body)


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    files = FileServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.answer(self)

        def log_message(self, format: str, *args: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    files.url = f"http://127.0.0.1:{server.server_port}/model.pt"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield files
    server.shutdown()
    server.server_close()
    thread.join()


def accept(path: Path) -> None:
    if path.read_bytes() != CONTENT:
        raise CheckpointError("another file")


def test_a_file_arrives_whole_with_progress(file_server: FileServer, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    target = tmp_path / "sub" / "model.pt"
    download_file(file_server.url, target, accept, lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [p.name for p in target.parent.iterdir()] == ["model.pt"]


def test_a_download_that_is_cut_off_continues_where_it_stopped(
    file_server: FileServer, tmp_path: Path
) -> None:
    file_server.cuts = 2
    download_file(file_server.url, tmp_path / "model.pt", accept)
    assert (tmp_path / "model.pt").read_bytes() == CONTENT
    assert file_server.ranges[0] is None
    assert file_server.ranges[1] == f"bytes={len(CONTENT) // 2}-"


def test_a_part_left_by_an_earlier_try_is_continued(
    file_server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "model.pt.part").write_bytes(CONTENT[:1000])
    download_file(file_server.url, tmp_path / "model.pt", accept)
    assert file_server.ranges == ["bytes=1000-"]
    assert (tmp_path / "model.pt").read_bytes() == CONTENT


def test_a_complete_part_is_only_verified(file_server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "model.pt.part").write_bytes(CONTENT)
    download_file(file_server.url, tmp_path / "model.pt", accept)
    assert (tmp_path / "model.pt").read_bytes() == CONTENT


def test_a_file_that_fails_verification_replaces_nothing_and_leaves_no_part(
    file_server: FileServer, tmp_path: Path
) -> None:
    target = tmp_path / "model.pt"
    target.write_bytes(b"the old one")

    def refuse(path: Path) -> None:
        raise CheckpointError("not the published file")

    with pytest.raises(CheckpointError, match="not the published file"):
        download_file(file_server.url, target, refuse)
    assert target.read_bytes() == b"the old one"
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def test_an_address_that_is_not_there_says_its_status_and_what_to_do(
    file_server: FileServer, tmp_path: Path
) -> None:
    with pytest.raises(DownloadError, match=r"answered 404 .*--url"):
        download_file(file_server.url + "x", tmp_path / "model.pt", accept)


def test_a_server_that_keeps_cutting_off_leaves_the_part_to_continue(
    file_server: FileServer, tmp_path: Path
) -> None:
    file_server.cuts = 99
    with pytest.raises(DownloadError, match="continues where it stopped"):
        download_file(file_server.url, tmp_path / "model.pt", accept)
    assert 0 < (tmp_path / "model.pt.part").stat().st_size < len(CONTENT)


def test_no_server_is_said_with_the_way_around(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="by hand"):
        download_file("http://127.0.0.1:9/model.pt", tmp_path / "model.pt", accept)
