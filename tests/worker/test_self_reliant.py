"""A caller that encodes by itself while Redis or all workers are away."""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from redis import Redis

from core import ImageEmbedding, ImageError, Predictor, Tile, load_predictor, read_image
from worker import (
    INTERACTIVE,
    EmbeddingClient,
    EncodeTimeout,
    SelfReliantEmbeddings,
    WorkerContext,
    connect_redis,
    count_waiting_jobs,
    list_workers,
)
from worker.jobs import encode_image, keep_embedding
from worker.rq_worker import EncodeWorker

from ..poisoned_esam import make_noise
from ..redis_process import RedisProcess
from ..worker_processes import WorkerProcesses

NOWHERE = "redis://127.0.0.1:1/0"


class Loads:
    """Loads the model, and counts how often."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self.count = 0

    def __call__(self) -> Predictor:
        self.count += 1
        return load_predictor("nano", self._weights)


@pytest.fixture
def loads(nano_weights: Path) -> Loads:
    return Loads(nano_weights)


def make_embeddings(url: str, predictor: Predictor, loads: Loads) -> SelfReliantEmbeddings:
    client = EmbeddingClient(connect_redis(url), predictor.embedding_identity)
    return SelfReliantEmbeddings(client, connect_redis(url, is_patient=False), loads)


def assert_same(found: ImageEmbedding | None, expected: ImageEmbedding) -> None:
    assert found is not None
    np.testing.assert_allclose(found.features, expected.features, atol=0.01)


def test_without_redis_an_image_is_encoded_here_once_and_found_again(
    predictor: Predictor, loads: Loads, png: bytes, photo_like: NDArray[np.uint8]
) -> None:
    embeddings = make_embeddings(NOWHERE, predictor, loads)
    assert loads.count == 0, "the encoder is loaded when it is first needed"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(embeddings.get_or_encode, [png] * 8))
    assert loads.count == 1
    assert all(one is found[0] for one in found)
    assert_same(found[0], predictor.encode(photo_like))
    assert embeddings.find_alias("http://host/image.png") is None
    embeddings.save_alias("http://host/image.png", "0" * 64)


def test_a_tile_is_encoded_here_too(predictor: Predictor, loads: Loads, png: bytes) -> None:
    embeddings = make_embeddings(NOWHERE, predictor, loads)
    tile = Tile(20, 10, 64, 64)
    found = embeddings.get_or_encode(png, tile=tile)
    assert_same(found, predictor.encode(tile.crop(read_image(png))))


def test_what_is_no_image_is_told_and_the_next_is_encoded(
    predictor: Predictor, loads: Loads, png: bytes
) -> None:
    embeddings = make_embeddings(NOWHERE, predictor, loads)
    with pytest.raises(ImageError):
        embeddings.get_or_encode(b"<html>")
    assert embeddings.get_or_encode(png).original_size_hw == (120, 160)


def test_who_waits_too_long_for_its_turn_is_told(
    predictor: Predictor, nano_weights: Path, png: bytes
) -> None:
    may_load, is_loading = threading.Event(), threading.Event()

    def load() -> Predictor:
        is_loading.set()
        assert may_load.wait(60)
        return load_predictor("nano", nano_weights)

    client = EmbeddingClient(connect_redis(NOWHERE), predictor.embedding_identity)
    embeddings = SelfReliantEmbeddings(client, connect_redis(NOWHERE, is_patient=False), load)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(embeddings.get_or_encode, png)
        assert is_loading.wait(60)
        with pytest.raises(EncodeTimeout, match="without Redis this process encodes one image"):
            embeddings.get_or_encode(make_noise((20, 30)), timeout_s=0.1)
        may_load.set()
        assert first.result().original_size_hw == (120, 160)


def test_without_workers_it_encodes_here_and_with_them_they_do(
    redis: Redis, predictor: Predictor, loads: Loads, nano_weights: Path
) -> None:
    with RedisProcess() as server, connect_redis(server.url) as client:
        embeddings = make_embeddings(server.url, predictor, loads)
        assert embeddings.get_or_encode(make_noise((20, 30))).original_size_hw == (20, 30)
        assert loads.count == 1
        workers = WorkerProcesses(client, server.url, nano_weights)
        workers.start()
        embeddings.get_or_encode(make_noise((20, 31)))
        assert len(client.keys("esam:embedding:*")) == 1, "the worker's, and not this process's"
        workers.stop()


def test_what_redis_has_is_found_there(
    redis: Redis, predictor: Predictor, loads: Loads, png: bytes
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity)
    embeddings = SelfReliantEmbeddings(client, redis, loads)
    image_sha256 = hashlib.sha256(png).hexdigest()
    assert embeddings.find(image_sha256) is None
    assert embeddings.find_alias("http://host/image.png") is None
    keep_embedding(WorkerContext(predictor, redis), image_sha256, predictor.encode(read_image(png)))
    embeddings.save_alias("http://host/image.png", image_sha256)
    assert embeddings.find_alias("http://host/image.png") == image_sha256
    assert_same(embeddings.find(image_sha256), predictor.encode(read_image(png)))
    assert embeddings.read_lookups().redis_hits == 1
    assert loads.count == 0


@pytest.mark.parametrize("call", ["find", "find_alias", "save_alias", "get_or_encode"])
def test_redis_that_goes_away_in_the_middle_of_a_call_costs_no_call(
    redis: Redis, predictor: Predictor, loads: Loads, png: bytes, call: str
) -> None:
    gone = EmbeddingClient(connect_redis(NOWHERE), predictor.embedding_identity)
    embeddings = SelfReliantEmbeddings(gone, redis, loads)  # the probe still found it
    if call == "get_or_encode":
        assert embeddings.get_or_encode(png).original_size_hw == (120, 160)
    else:
        ask = getattr(embeddings, call)
        assert ask(*["0" * 64] * (2 if call == "save_alias" else 1)) is None


def test_workers_that_go_away_in_the_middle_of_a_call_cost_no_click(
    redis: Redis, predictor: Predictor, loads: Loads, png: bytes
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity, no_worker_grace_s=0)
    worker = EncodeWorker(redis, {encode_image: None}, {})
    worker.register_birth()  # type: ignore[no-untyped-call]
    embeddings = SelfReliantEmbeddings(client, redis, loads)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(embeddings.get_or_encode, png)
        while not count_waiting_jobs(redis)[INTERACTIVE]:
            time.sleep(0.01)
        worker.register_death()  # type: ignore[no-untyped-call]
        assert answer.result().original_size_hw == (120, 160)
    assert loads.count == 1


@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_redis_that_goes_away_costs_no_click_and_is_used_again_when_it_is_back(
    predictor: Predictor, loads: Loads, nano_weights: Path, fault: str
) -> None:
    now = 0.0
    with RedisProcess(keeps_data=True) as server, connect_redis(server.url) as redis:
        workers = WorkerProcesses(redis, server.url, nano_weights)
        workers.start()
        client = EmbeddingClient(connect_redis(server.url), predictor.embedding_identity)
        probe = connect_redis(server.url, is_patient=False)
        embeddings = SelfReliantEmbeddings(client, probe, loads, clock=lambda: now)
        first, second, third = (make_noise((20, 30), seed) for seed in range(3))
        embeddings.get_or_encode(first)
        server.kill() if fault == "killed" else server.freeze()
        assert embeddings.get_or_encode(first).original_size_hw == (20, 30)
        assert loads.count == 0, "it was in this process"
        assert embeddings.get_or_encode(second).original_size_hw == (20, 30)
        assert loads.count == 1
        server.start() if fault == "killed" else server.thaw()
        deadline = time.monotonic() + 60
        while not list_workers(redis):
            assert time.monotonic() < deadline, "the worker is not back"
            time.sleep(0.05)
        now += 6
        embeddings.get_or_encode(third)
        view = hashlib.sha256(third).hexdigest()
        assert redis.exists(f"esam:embedding:{predictor.embedding_identity}:{view}")
        workers.stop()
