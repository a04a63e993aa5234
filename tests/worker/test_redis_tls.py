"""A Redis that is reached through TLS, as hosted ones are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import Predictor
from worker import EmbeddingClient, RedisUnavailable, connect_redis

from ..redis_process import RedisProcess
from ..tls_relay import TlsRelay
from ..worker_processes import WorkerProcesses


@pytest.fixture(scope="module")
def server() -> Iterator[RedisProcess]:
    with RedisProcess(requirepass="s3cret") as process:
        yield process


@pytest.fixture
def authority_file(tmp_path: Path) -> Path:
    return tmp_path / "ca.pem"


@pytest.fixture
def relay(server: RedisProcess, authority_file: Path) -> Iterator[TlsRelay]:
    with TlsRelay(server.socket, authority_file) as running:
        yield running


def test_a_click_is_answered_through_tls(
    relay: TlsRelay, authority_file: Path, nano_weights: Path, predictor: Predictor, png: bytes
) -> None:
    url = f"rediss://:s3cret@127.0.0.1:{relay.port}/0?ssl_ca_certs={authority_file}"
    with connect_redis(url) as redis:
        workers = WorkerProcesses(redis, url, nano_weights)
        try:
            workers.start()
            client = EmbeddingClient(redis, predictor.embedding_identity)
            assert client.get_or_encode(png).original_size_hw == (120, 160)
        finally:
            workers.stop()


def test_a_certificate_of_an_unknown_authority_is_told_with_what_to_add(relay: TlsRelay) -> None:
    client = connect_redis(f"rediss://:s3cret@127.0.0.1:{relay.port}/0", is_patient=False)
    with pytest.raises(RedisUnavailable, match="ssl_ca_certs") as caught:
        EmbeddingClient(client, "model").get_or_encode(b"image")
    assert "s3cret" not in str(caught.value)
