import logging
from collections.abc import Iterator

import pytest
from redis import Redis
from rq.job import Job
from rq.serializers import JSONSerializer

from core import Predictor
from worker import (
    BATCH,
    RequestThreads,
    WorkerContext,
    choose_request_id,
    current_request_id,
    enqueue_job,
    set_context,
    working_for,
)
from worker.rq_worker import EncodeWorker

logger = logging.getLogger(__name__)


def log_and_go_on(more: int) -> None:
    """A job that says whom it works for, and makes another."""
    logger.info("works for request_id=%s", current_request_id())
    if more:
        enqueue_job(SEEN_REDIS[0], BATCH, log_and_go_on, (more - 1,), timeout_s=5)


SEEN_REDIS: list[Redis] = []


@pytest.fixture
def seen_redis(redis: Redis) -> Iterator[Redis]:
    SEEN_REDIS.append(redis)
    yield redis
    SEEN_REDIS.clear()


def test_a_usable_id_is_kept_and_any_other_is_made() -> None:
    assert choose_request_id("a-b.c:9/x") == "a-b.c:9/x"
    for unusable in ("", "a b", "a\nb", "x" * 101, None, 7, ["a"]):
        made = choose_request_id(unusable)
        assert choose_request_id(made) == made != unusable


def test_threads_work_for_the_request_of_who_gives_them_work() -> None:
    with RequestThreads(2) as threads:
        with working_for("first"):
            first = threads.submit(current_request_id)
        with working_for("second"):
            second = threads.submit(current_request_id)
        nobody = threads.submit(current_request_id)
    assert (first.result(), second.result(), nobody.result()) == ("first", "second", None)


def test_a_job_works_for_the_request_that_made_it_and_so_do_the_jobs_it_makes(
    seen_redis: Redis, predictor: Predictor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    set_context(WorkerContext(predictor, seen_redis))
    with working_for("click-1"):
        enqueue_job(seen_redis, BATCH, log_and_go_on, (1,), timeout_s=5)
    EncodeWorker(seen_redis, {log_and_go_on: None}, {}).work(burst=True, logging_level="WARNING")
    lines = [r.getMessage() for r in caplog.records if r.name == __name__]
    assert lines == ["works for request_id=click-1"] * 2
    assert current_request_id() is None


@pytest.mark.parametrize("meta", ['["a"]', '{"request_id": {"a": 1}}', '"text"'])
def test_a_meta_that_somebody_else_wrote_harms_no_job(
    seen_redis: Redis, predictor: Predictor, caplog: pytest.LogCaptureFixture, meta: str
) -> None:
    caplog.set_level(logging.INFO)
    job = enqueue_job(seen_redis, BATCH, log_and_go_on, (0,), timeout_s=5)
    seen_redis.hset(job.key, "meta", meta)
    EncodeWorker(seen_redis, {log_and_go_on: None}, {}).work(burst=True, logging_level="WARNING")
    (line,) = [r.getMessage() for r in caplog.records if r.name == __name__]
    assert choose_request_id(line.partition("=")[2]) == line.partition("=")[2]
    assert not Job.fetch(job.id, seen_redis, JSONSerializer).is_failed
