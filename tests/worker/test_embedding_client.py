import hashlib
import io
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from redis import Redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from core import (
    MODELS,
    Predictor,
    Tile,
    build_model,
    load_predictor,
    read_image,
    save_checkpoint,
)
from worker import (
    BATCH,
    INTERACTIVE,
    PREFETCH,
    EmbeddingClient,
    EncodeFailed,
    EncodeTimeout,
    NoWorker,
    QueueFull,
    RedisUnavailable,
    WorkerContext,
    connect_redis,
    count_waiting_jobs,
    list_workers,
    read_counters,
)

from ..worker_processes import StartWorker


@pytest.fixture
def client(redis: Redis, predictor: Predictor) -> EmbeddingClient:
    """A client of an empty Redis without workers."""
    return EmbeddingClient(redis, predictor.embedding_identity)


@pytest.fixture
def served_client(served_redis: Redis, predictor: Predictor) -> EmbeddingClient:
    """A client of a Redis with a worker."""
    return EmbeddingClient(served_redis, predictor.embedding_identity)


def kinds_of(keys: Iterable[bytes | str]) -> set[str]:
    """The second word of our keys."""
    return {(k.decode() if isinstance(k, bytes) else k).split(":")[1] for k in keys}


def interactive_queue(redis: Redis) -> Queue:
    return Queue(INTERACTIVE, connection=redis, serializer=JSONSerializer)


def test_a_worker_makes_the_embedding_that_core_makes(
    served_client: EmbeddingClient, predictor: Predictor, png: bytes
) -> None:
    embedding = served_client.get_or_encode(png)
    expected = predictor.encode(read_image(png))
    assert embedding.original_size_hw == (120, 160)
    np.testing.assert_allclose(
        embedding.features.float().numpy(), expected.features.numpy(), atol=5e-3
    )


def test_whoever_waited_is_told_what_the_worker_spent_its_time_with(
    served_client: EmbeddingClient, png: bytes
) -> None:
    told: list[Mapping[str, float]] = []
    started = time.monotonic()
    served_client.get_or_encode(png, on_encoded=told.append)
    all_ms = 1000 * (time.monotonic() - started)
    (times_ms,) = told
    assert list(times_ms) == ["wait", "read", "encode", "store"]
    assert all(spent_ms > 0 for spent_ms in times_ms.values())
    assert sum(times_ms.values()) <= all_ms, "no time is counted twice"
    served_client.get_or_encode(png, on_encoded=told.append)
    assert len(told) == 1, "found, not waited for"


def test_a_worker_told_so_keeps_a_byte_a_number(
    redis: Redis,
    predictor: Predictor,
    png: bytes,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setenv("ESAM_EMBEDDING_DTYPE", "int8")
    request.getfixturevalue("start_worker")()
    embedding = EmbeddingClient(redis, predictor.embedding_identity).get_or_encode(png)
    expected = predictor.encode(read_image(png)).features
    key = f"esam:embedding:{predictor.embedding_identity}:{hashlib.sha256(png).hexdigest()}"
    value = redis.get(key)
    assert isinstance(value, bytes)
    assert expected.numel() < len(value) < 1.1 * expected.numel()
    np.testing.assert_allclose(embedding.features.float().numpy(), expected.numpy(), atol=0.05)


def test_another_process_finds_the_embedding_in_redis(
    served_client: EmbeddingClient, served_redis: Redis, predictor: Predictor, png: bytes
) -> None:
    image_sha256 = hashlib.sha256(png).hexdigest()
    assert served_client.find(image_sha256) is None
    served_client.get_or_encode(png)
    found = EmbeddingClient(served_redis, predictor.embedding_identity).find(image_sha256)
    assert found is not None
    assert found.original_size_hw == (120, 160)


def test_an_embedding_in_this_process_outlives_the_one_in_redis(
    served_client: EmbeddingClient, served_redis: Redis, predictor: Predictor, png: bytes
) -> None:
    served_client.get_or_encode(png)
    image_sha256 = hashlib.sha256(png).hexdigest()
    assert served_redis.delete(f"esam:embedding:{predictor.embedding_identity}:{image_sha256}") == 1
    assert served_client.find(image_sha256) is not None


def test_what_is_asked_for_counts_once_by_where_it_was(
    served_client: EmbeddingClient, served_redis: Redis, predictor: Predictor, png: bytes
) -> None:
    image_sha256 = hashlib.sha256(png).hexdigest()
    assert served_client.find(image_sha256) is None
    served_client.get_or_encode(png)
    served_client.get_or_encode(png)
    served_client.find(image_sha256)
    first = served_client.read_lookups()
    assert (first.process_hits, first.redis_hits, first.misses) == (2, 0, 1)
    other = EmbeddingClient(served_redis, predictor.embedding_identity, process_cache_bytes=1)
    other.get_or_encode(png)
    second = other.read_lookups()
    assert (second.process_hits, second.redis_hits, second.misses) == (0, 1, 0)
    assert (first.process_evicted, second.process_evicted) == (0, 1), "one has no room"
    assert first.process_bytes > second.process_bytes == 0


def test_encodes_are_counted_by_device_and_batch_size(redis: Redis, predictor: Predictor) -> None:
    images = [np.zeros((8, 8, 3), np.uint8)] * 3
    embeddings = WorkerContext(predictor, redis).encode(images)
    assert len(embeddings) == 3
    counted = {c.name: (c.labels, c.amount) for c in read_counters(redis)}
    assert counted["encodes"] == ({"device": "cpu", "batch_size": "3"}, 1)
    assert counted["encoded_images"] == ({"device": "cpu"}, 3)
    assert counted["encode_seconds"][1] > 0


def test_a_truncated_embedding_is_a_miss_and_is_made_again(
    served_client: EmbeddingClient, served_redis: Redis, predictor: Predictor, png: bytes
) -> None:
    served_client.get_or_encode(png)
    image_sha256 = hashlib.sha256(png).hexdigest()
    key = f"esam:embedding:{predictor.embedding_identity}:{image_sha256}"
    value = served_redis.get(key)
    assert value is not None
    served_redis.set(key, value[:-100])
    fresh = EmbeddingClient(served_redis, predictor.embedding_identity)
    assert fresh.find(image_sha256) is None
    assert fresh.get_or_encode(png).original_size_hw == (120, 160)


def test_a_tile_of_an_image_has_an_embedding_of_its_own(
    served_client: EmbeddingClient, predictor: Predictor, png: bytes
) -> None:
    tile = Tile(40, 20, 80, 60)
    embedding = served_client.get_or_encode(png, tile=tile)
    expected = predictor.encode(tile.crop(read_image(png)))
    assert embedding.original_size_hw == (60, 80)
    np.testing.assert_allclose(
        embedding.features.float().numpy(), expected.features.numpy(), atol=2e-3, rtol=2e-3
    )
    image_sha256 = hashlib.sha256(png).hexdigest()
    assert served_client.find(image_sha256, tile) is not None
    assert served_client.find(image_sha256, Tile(0, 0, 80, 60)) is None


def test_many_callers_of_one_image_share_one_encode(
    redis: Redis, predictor: Predictor, png: bytes, start_worker: StartWorker
) -> None:
    barrier = threading.Barrier(8)

    def ask() -> tuple[int, int]:
        client = EmbeddingClient(redis, predictor.embedding_identity)
        barrier.wait()
        return client.get_or_encode(png).original_size_hw

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask) for _ in range(8)]
        worker = start_worker()
        assert [a.result() for a in answers] == [(120, 160)] * 8
    assert worker.poll() is None
    assert Worker.all(connection=redis)[0].successful_job_count == 1


def test_a_broken_image_brings_its_reason_to_the_caller_and_to_the_failed_list(
    served_client: EmbeddingClient, served_redis: Redis, png: bytes
) -> None:
    failed = interactive_queue(served_redis).failed_job_registry
    before = set(failed.get_job_ids())
    with pytest.raises(EncodeFailed, match="not an image that can be read"):
        served_client.get_or_encode(b"<html>please log in</html>")
    (job_id,) = set(failed.get_job_ids()) - before
    job = interactive_queue(served_redis).fetch_job(job_id)
    assert job is not None
    result = job.latest_result()
    assert result is not None
    assert "not an image" in str(result.exc_string)
    assert served_client.get_or_encode(png).original_size_hw == (120, 160), "the worker lives on"


def test_after_a_failure_the_next_caller_starts_a_new_job(
    served_client: EmbeddingClient, served_redis: Redis
) -> None:
    failed = interactive_queue(served_redis).failed_job_registry
    before = len(failed.get_job_ids())
    for _ in range(2):
        with pytest.raises(EncodeFailed):
            served_client.get_or_encode(b"not an image either")
    assert len(failed.get_job_ids()) == before + 2
    assert served_redis.keys("esam:flight:*") == []


def test_a_worker_with_another_model_says_so(served_redis: Redis, png: bytes) -> None:
    with pytest.raises(EncodeFailed, match="start both with the same model"):
        EmbeddingClient(served_redis, "vitt-0000000000000000-p1").get_or_encode(png)


def test_two_versions_of_a_model_never_share_an_embedding(
    served_client: EmbeddingClient, served_redis: Redis, tmp_path: Path, png: bytes
) -> None:
    torch.manual_seed(1)
    save_checkpoint(build_model(MODELS["nano"].architecture), tmp_path / "next.safetensors")
    next_version = load_predictor("nano", tmp_path / "next.safetensors")
    served_client.get_or_encode(png)
    image_sha256 = hashlib.sha256(png).hexdigest()
    assert served_client.find(image_sha256) is not None
    assert EmbeddingClient(served_redis, next_version.embedding_identity).find(image_sha256) is None


def test_no_answer_before_the_deadline_is_said_with_the_number_of_workers(
    client: EmbeddingClient, png: bytes
) -> None:
    with pytest.raises(EncodeTimeout, match=r"0 worker\(s\)"):
        client.get_or_encode(png, timeout_s=1)


def test_without_any_worker_the_caller_is_told_before_its_deadline(
    redis: Redis, predictor: Predictor, png: bytes
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity, no_worker_grace_s=1)
    with pytest.raises(NoWorker, match="esam worker"):
        client.get_or_encode(png, timeout_s=60)


def test_a_queue_that_is_full_takes_nobody_but_who_joins_until_a_worker_came(
    redis: Redis, predictor: Predictor, png: bytes, start_worker: StartWorker
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity, max_waiting_jobs=2)
    for image in (png, png + b"\0"):
        with pytest.raises(EncodeTimeout):
            client.get_or_encode(image, timeout_s=0.1)
    with pytest.raises(QueueFull, match=r"2 images wait for a worker already.*ESAM_MAX_WAITING"):
        client.get_or_encode(png + b"\0\0")
    with pytest.raises(EncodeTimeout):  # no further job is needed
        client.get_or_encode(png, timeout_s=0.1)
    assert count_waiting_jobs(redis)[INTERACTIVE] == 2
    start_worker()
    for image in (png, png + b"\0", png + b"\0\0"):
        assert client.get_or_encode(image).original_size_hw == (120, 160)


def test_a_redis_that_is_not_there_is_named_without_its_password(png: bytes) -> None:
    client = EmbeddingClient(connect_redis("redis://me:hunter2@127.0.0.1:1/0"), "nano-0-p1")
    with pytest.raises(RedisUnavailable, match=r"127\.0\.0\.1:1 .*ESAM_REDIS_URL") as caught:
        client.get_or_encode(png)
    assert "hunter2" not in str(caught.value)


def test_an_interactive_job_overtakes_a_batch_job(
    redis: Redis, predictor: Predictor, png: bytes, start_worker: StartWorker
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity)
    for image, priority in ((png, BATCH), (png + b"\0", INTERACTIVE)):
        with pytest.raises(EncodeTimeout):
            client.get_or_encode(image, priority=priority, timeout_s=0.1)
    worker: subprocess.Popen[bytes] = start_worker()
    client.get_or_encode(png, priority=BATCH, timeout_s=60)
    assert worker.poll() is None
    finished = {
        name: Queue(name, connection=redis, serializer=JSONSerializer).finished_job_registry
        for name in (INTERACTIVE, BATCH)
    }
    ended = {}
    for name, registry in finished.items():
        (job_id,) = registry.get_job_ids()
        job = registry.get_queue().fetch_job(job_id)
        assert job is not None
        ended[name] = job.ended_at
    assert ended[INTERACTIVE] <= ended[BATCH]


def test_who_waits_overtakes_the_batch_job_of_the_same_image(
    redis: Redis, predictor: Predictor, png: bytes, start_worker: StartWorker
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity)
    for image, priority in ((png + b"\0", BATCH), (png, BATCH), (png, INTERACTIVE)):
        with pytest.raises(EncodeTimeout):
            client.get_or_encode(image, priority=priority, timeout_s=0.1)
    assert count_waiting_jobs(redis) == {INTERACTIVE: 1, PREFETCH: 0, BATCH: 2}
    start_worker()
    client.get_or_encode(png + b"\0", priority=BATCH, timeout_s=60)
    (first,) = interactive_queue(redis).finished_job_registry.get_job_ids()
    job = interactive_queue(redis).fetch_job(first)
    assert job is not None
    assert job.args[0] == hashlib.sha256(png).hexdigest()


def test_the_job_of_a_killed_worker_is_taken_up_by_another(
    redis: Redis, predictor: Predictor, start_worker: StartWorker
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity)
    file = io.BytesIO()
    Image.new("RGB", (6000, 6000), "red").save(file, "PNG")  # takes a while to read
    first, started = start_worker(), interactive_queue(redis).started_job_registry
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get_or_encode, file.getvalue(), timeout_s=110)
        while not started.get_job_ids():
            time.sleep(0.001)
        first.kill()
        start_worker()
        assert answer.result().original_size_hw == (6000, 6000)
    (job_id,) = interactive_queue(redis).finished_job_registry.get_job_ids()
    job = interactive_queue(redis).fetch_job(job_id)
    assert job is not None
    assert job.retries_left == 1, "it was killed over it"


def test_a_job_that_was_lost_with_its_worker_is_made_anew(
    redis: Redis, predictor: Predictor, png: bytes, start_worker: StartWorker
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity)
    with pytest.raises(EncodeTimeout):
        client.get_or_encode(png, timeout_s=0.1)
    assert redis.lpop("rq:queue:interactive") is not None, "as a worker takes it"
    start_worker()
    assert client.get_or_encode(png, timeout_s=60).original_size_hw == (120, 160)


def test_workers_say_what_they_run_on(served_redis: Redis, predictor: Predictor) -> None:
    (worker,) = list_workers(served_redis)
    assert (worker.device, worker.dtype) == ("cpu", "float32")
    assert worker.model_version == predictor.model_version
    assert worker.embedding_identity == predictor.embedding_identity
    assert worker.process.startswith(f"{socket.gethostname()}:")
    assert worker.last_heartbeat_at is not None
    assert abs(time.time() - worker.last_heartbeat_at) < 60


def test_an_alias_leads_to_its_image_and_does_not_show_the_url(
    client: EmbeddingClient, redis: Redis
) -> None:
    alias = "https://bucket.example/cat.jpg?signature=secret etag=1"
    assert client.find_alias(alias) is None
    client.save_alias(alias, "ab" * 32)
    assert client.find_alias(alias) == "ab" * 32
    assert not any(b"secret" in key for key in redis.keys("*"))


def test_every_key_of_ours_but_the_counters_expires_and_no_queue_key_does(
    client: EmbeddingClient, redis: Redis, png: bytes, start_worker: StartWorker
) -> None:
    with pytest.raises(EncodeTimeout):
        client.get_or_encode(png, timeout_s=0.1)
    queue_keys = {b"rq:queue:interactive", b"esam:jobs:interactive"}
    assert kinds_of(redis.keys("esam:*")) == {"flight", "image", "jobs", "waiting"}
    assert {redis.ttl(key) for key in queue_keys} == {-1}
    start_worker()
    client.get_or_encode(png, timeout_s=60)
    client.save_alias("url", "ab" * 32)
    ours = set(redis.keys("esam:*")) - queue_keys
    assert kinds_of(ours) == {"embedding", "alias", "counters"}
    assert all(redis.ttl(key) > 0 for key in ours if key != b"esam:counters")
