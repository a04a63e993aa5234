"""A stack that does not become ready; one that does is in tests/integration."""

from pathlib import Path

import pytest

from esam import stack
from esam.errors import StackError
from esam.stack import Stack, StackConfig


def test_servers_that_are_not_ready_in_time_are_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "_READY_TIMEOUT_S", 0.0)  # else it is a minute and a half
    starting = Stack(StackConfig(port=0, host="127.0.0.1", workers=2, log_folder=tmp_path))
    with pytest.raises(StackError, match="not ready after 0 s"), starting:
        pass
    assert list(starting.children) == ["worker-1", "worker-2", "backend"]
    assert all(child.poll() is not None for child in starting.children.values())
    assert {path.stem for path in tmp_path.glob("*.log")} == set(starting.children)
    assert not Path(starting.redis_url.removeprefix("unix://").partition("?")[0]).exists()
