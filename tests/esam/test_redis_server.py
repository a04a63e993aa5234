import os
import stat
from pathlib import Path

import pytest

from esam.errors import StackError
from esam.redis_server import PrivateRedis, find_redis_server
from worker import connect_redis


def test_it_answers_on_a_socket_that_only_its_owner_can_open_and_leaves_nothing() -> None:
    with PrivateRedis() as server:
        socket = Path(server.url.removeprefix("unix://").partition("?")[0])
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        client = connect_redis(server.url)
        assert client.ping()
        client.close()
        pid = server.pid
    assert not socket.parent.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_full_memory_evicts_what_expires_and_never_a_queue() -> None:
    with PrivateRedis(max_memory="4mb") as server:
        client = connect_redis(server.url)
        client.rpush("rq:queue:batch", *(f"job-{i}" for i in range(100)))
        for i in range(10):
            client.set(f"esam:embedding:nano:{i}", os.urandom(1_000_000), ex=1000)
        assert client.llen("rq:queue:batch") == 100
        assert 0 < len(client.keys("esam:*")) < 10
        client.close()


def test_a_machine_without_redis_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    # No other way to have the wheel's binary missing while its other half stays importable.
    monkeypatch.setattr("esam.redis_server.find_spec", lambda name: None)
    with pytest.raises(StackError, match="ESAM_REDIS_URL"), PrivateRedis():
        pass


def test_a_redis_that_does_not_start_shows_its_log_and_leaves_nothing() -> None:
    server = PrivateRedis(max_memory="a lot")
    with pytest.raises(StackError, match="a lot"):
        server.start()
    with pytest.raises(StackError, match="not running"):
        _ = server.url


def test_a_redis_that_was_never_started_has_no_process_and_is_not_revived() -> None:
    server = PrivateRedis()
    with pytest.raises(StackError, match="not running"):
        _ = server.pid
    with pytest.raises(StackError, match="never started"):
        server.revive()
    assert not server.is_running


def test_the_redis_of_the_machine_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "redis-server"
    installed.symlink_to(find_redis_server())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server() == str(installed)
