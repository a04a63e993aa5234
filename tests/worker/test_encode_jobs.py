"""Encode jobs: done in this process, or meant for workers that are not there."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from redis import Redis
from rq.job import Job
from rq.results import Result

from core import ImageTooLarge, Predictor, Tile, read_image
from worker import (
    INTERACTIVE,
    EmbeddingClient,
    EncodeFailed,
    NotAWorker,
    RedisUnavailable,
    WorkerContext,
    context,
    count_waiting_jobs,
    read_counters,
    set_context,
)
from worker.job_queue import get_queue
from worker.jobs import encode_image
from worker.keys import waiting_key
from worker.rq_worker import EncodeWorker


def test_images_that_wait_are_encoded_along_with_the_first_in_one_batch(
    redis: Redis, predictor: Predictor, png: bytes
) -> None:
    tile = Tile(40, 20, 80, 60)
    asked = [(png, None), (png + b"2", None), (png, tile), (b"<html>", None)]
    client = EmbeddingClient(redis, predictor.embedding_identity)
    set_context(WorkerContext(predictor, redis, images_at_once=4))
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = []
        for number, (image, part) in enumerate(asked, start=1):
            answers.append(pool.submit(client.get_or_encode, image, tile=part))
            while count_waiting_jobs(redis)[INTERACTIVE] < number:
                time.sleep(0.01)
        EncodeWorker(redis, {encode_image: None}, {}).work(burst=True, logging_level="WARNING")
        found = [answer.result() for answer in answers[:3]]
        with pytest.raises(EncodeFailed, match="not an image that can be read"):
            answers[3].result()
    expected = [predictor.encode(read_image(png))] * 2
    expected.append(predictor.encode(tile.crop(read_image(png))))
    for got, wanted in zip(found, expected, strict=True):
        assert got.original_size_hw == wanted.original_size_hw
        np.testing.assert_allclose(
            got.features.float().numpy(), wanted.features.numpy(), atol=5e-3, rtol=5e-3
        )
    (encodes,) = [c for c in read_counters(redis) if c.name == "encodes"]
    assert (encodes.labels["batch_size"], encodes.amount) == ("3", 1)
    assert not redis.exists(waiting_key(predictor.embedding_identity))


def test_an_image_that_expired_while_it_waited_costs_no_other_its_batch(
    redis: Redis, predictor: Predictor, png: bytes
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity)
    set_context(WorkerContext(predictor, redis, images_at_once=4))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get_or_encode, png)
        while not count_waiting_jobs(redis)[INTERACTIVE]:
            time.sleep(0.01)
        redis.rpush(waiting_key(predictor.embedding_identity), "0" * 64)
        EncodeWorker(redis, {encode_image: None}, {}).work(burst=True, logging_level="WARNING")
        assert answer.result().original_size_hw == (120, 160)


def test_a_job_whose_image_expired_says_so(redis: Redis, predictor: Predictor) -> None:
    set_context(WorkerContext(predictor, redis))
    with pytest.raises(EncodeFailed, match="expired in Redis before a worker came to it"):
        encode_image("0" * 64, predictor.embedding_identity)


def test_a_process_without_a_model_does_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests of this process made it one that has a model.
    monkeypatch.setattr(context, "_context", None)
    with pytest.raises(NotAWorker, match="start workers with `esam worker`"):
        encode_image("0" * 64, "nano-0-p1")


def test_an_image_of_too_many_pixels_is_told_with_the_setting(
    redis: Redis, predictor: Predictor, png: bytes
) -> None:
    with pytest.raises(ImageTooLarge, match="raise ESAM_IMAGE_MAX_PIXELS where workers start"):
        WorkerContext(predictor, redis, image_max_pixels=160 * 120 - 1).read_image(png)


def wait_for_job(redis: Redis, *, other_than: str = "") -> Job:
    """The job that a call put into the queue."""
    queue = get_queue(redis, INTERACTIVE)
    while not (ids := [job_id for job_id in queue.get_job_ids() if job_id != other_than]):
        time.sleep(0.01)
    job = queue.fetch_job(ids[0])
    assert job is not None
    return job


def test_a_job_that_vanished_is_made_anew_and_the_reason_of_a_failure_reaches_the_caller(
    redis: Redis, predictor: Predictor, png: bytes
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity, no_worker_grace_s=60)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get_or_encode, png, timeout_s=60)
        gone = wait_for_job(redis)
        gone.delete()
        again = wait_for_job(redis, other_than=gone.id)
        Result.create_failure(again, 60, "")
        with pytest.raises(EncodeFailed, match="left no reason; look at the worker's log"):
            answer.result()


def test_a_result_that_redis_cannot_give_fails_the_call(
    redis: Redis, predictor: Predictor, png: bytes
) -> None:
    client = EmbeddingClient(redis, predictor.embedding_identity, no_worker_grace_s=60)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get_or_encode, png, timeout_s=60)
        redis.set(f"rq:results:{wait_for_job(redis).id}", "of another kind")
        with pytest.raises(RedisUnavailable, match="wrong kind of value"):
            answer.result()
