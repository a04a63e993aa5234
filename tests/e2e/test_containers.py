"""The containers of these tests, which stand in for an engine's."""

import subprocess
from pathlib import Path

from .conftest import need
from .containers import PATH, Container, Root, can_contain


def test_containers_of_one_root_start_at_the_same_time(tmp_path: Path) -> None:
    need("root on Linux with overlayfs", can_contain())
    layer, work = tmp_path / "layer", tmp_path / "work"
    layer.mkdir()
    work.mkdir()
    container = Container(Root(layer, work), {"PATH": PATH}, is_read_only=True)
    for _ in range(10):
        started = [container.start(["true"], stderr=subprocess.PIPE) for _ in range(8)]
        outcomes = [(one.communicate()[1].decode(), one.returncode) for one in started]
        assert outcomes == [("", 0)] * len(started)
