import time

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from core import Predictor
from labelstudio_backend import LabelStudioAccount
from labelstudio_backend.warm_start import MAX_WAITING, WarmStart, warm_image
from worker import PREFETCH, WorkerContext, connect_redis, count_waiting_jobs, set_context

ACCOUNT = LabelStudioAccount(httpx.URL("http://label-studio:8080"), SecretStr("a-secret-token"))


@pytest.fixture
def warm_start(redis: Redis) -> WarmStart:
    return WarmStart(redis, "nano-0-p1")


def test_an_image_is_asked_for_once(warm_start: WarmStart, redis: Redis) -> None:
    images = [(1, "/data/upload/1/a.jpg"), (2, "/data/upload/1/b.jpg")]
    assert warm_start.order(ACCOUNT, images) == 2
    assert warm_start.order(ACCOUNT, [*images, (3, "/data/upload/1/a.jpg")]) == 0
    assert count_waiting_jobs(redis)[PREFETCH] == 2


def test_the_queue_is_bounded(warm_start: WarmStart, redis: Redis) -> None:
    images = [(n, f"/data/upload/1/{n}.jpg") for n in range(MAX_WAITING + 5)]
    assert warm_start.order(ACCOUNT, images) == MAX_WAITING
    assert warm_start.find_room() == 0
    assert count_waiting_jobs(redis)[PREFETCH] == MAX_WAITING


def test_an_order_that_nobody_came_to_expires(warm_start: WarmStart, redis: Redis) -> None:
    warm_start.order(ACCOUNT, [(1, "/data/upload/1/a.jpg")])
    queue = Queue(PREFETCH, connection=redis, serializer=JSONSerializer)
    (job,) = queue.jobs
    assert job.ttl is not None
    assert 0 < redis.ttl(job.key) <= job.ttl
    redis.expire(job.key, 0)
    assert queue.jobs == []


def test_no_token_and_no_image_is_in_a_job(warm_start: WarmStart, redis: Redis) -> None:
    uri = "data:image/png;base64,QUJDREVGRw=="
    assert warm_start.order(ACCOUNT, [(1, uri), (2, "/data/upload/1/a.jpg")]) == 1
    for key in redis.keys("rq:*"):
        dumped = redis.dump(key) or b""
        assert b"a-secret-token" not in dumped
        assert b"QUJDREVGRw" not in dumped


def test_a_redis_that_is_away_fails_no_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = WarmStart(connect_redis("redis://127.0.0.1:1/0", is_patient=False), "nano-0-p1")
    away.warm(ACCOUNT, [(1, "/data/upload/1/a.jpg")])
    deadline = time.monotonic() + 10
    while "warm start not possible, Redis is away" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "Traceback" not in caplog.text


def test_an_order_that_redis_gave_up_is_no_work(redis: Redis, predictor: Predictor) -> None:
    set_context(WorkerContext(predictor, redis))
    warm_image(None, 1, "evicted")
    assert redis.keys("*") == []
