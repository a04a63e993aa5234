import httpx
import pytest
from pydantic import SecretStr
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from labelstudio_backend import LabelStudioAccount
from labelstudio_backend.warm_start import MAX_WAITING, WarmStart
from worker import PREFETCH, count_waiting_jobs

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
