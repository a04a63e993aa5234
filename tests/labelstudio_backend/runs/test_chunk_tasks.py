"""What a worker goes on with when it has no more tasks of its chunk, and what it leaves alone."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from redis import Redis

from labelstudio_backend.redis_keys import run_key
from labelstudio_backend.runs.chunk_tasks import ChunkTasks
from labelstudio_backend.runs.chunk_work import ChunkWork
from labelstudio_backend.runs.page_listing import PageListing
from labelstudio_backend.runs.run import Chunk, RunState
from labelstudio_backend.runs.run_store import make_chunks, make_page
from tests.integration.detected_tasks import add_tasks
from tests.label_studio_stand_in import LabelStudioStandIn
from worker import BATCH, as_text, get_queue

from .conftest import BeginChunk
from .made_runs import make_run


@pytest.fixture
def work(redis: Redis, begin_chunk: BeginChunk) -> ChunkWork:
    """A chunk of tasks 1 and 2, whose job left the queue when it was begun."""
    work = begin_chunk([1, 2])
    redis.delete(get_queue(redis, BATCH).key)
    return work


def go_on(
    work: ChunkWork,
    should_stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = lambda: 0.0,
) -> ChunkTasks:
    listing = PageListing(work.run, work.hold.store, work.client, work.outcomes)
    return ChunkTasks(work.hold, listing, work.outcomes, should_stop, clock)


def add(work: ChunkWork, *chunks: Chunk) -> None:
    taken = [task_id for chunk in chunks for task_id in chunk.tasks]
    work.hold.store.add_chunks(work.run.id, chunks, taken=taken)


def waiting(redis: Redis) -> list[str]:
    return [str(job_id).rpartition("-")[2] for job_id in get_queue(redis, BATCH).get_job_ids()]


def kept(work: ChunkWork) -> dict[str, tuple[int, ...]]:
    """The run's chunks with their tasks."""
    records = work.context.redis.hgetall(run_key(work.run.id, "chunks"))
    return {as_text(k): Chunk.model_validate_json(record).tasks for k, record in records.items()}


def test_chunks_that_wait_next_are_done_along_with_the_one_in_hand(
    work: ChunkWork, redis: Redis
) -> None:
    add(work, *make_chunks([3, 4, 5], size=2))
    tasks = go_on(work)
    assert list(tasks) == tasks.taken == [1, 2, 3, 4, 5]
    assert kept(work) == {work.hold.chunk.id: (1, 2, 3, 4, 5)}
    assert work.hold.is_kept()
    assert waiting(redis) == []


def test_a_chunk_is_taken_only_when_its_tasks_are_needed(work: ChunkWork, redis: Redis) -> None:
    (other,) = make_chunks([3, 4])
    add(work, other)
    tasks = iter(go_on(work))
    assert [next(tasks), next(tasks)] == [1, 2]
    assert waiting(redis) == [other.id], "another worker may have it so long"
    assert next(tasks) == 3


def test_what_has_an_outcome_is_no_longer_kept(work: ChunkWork) -> None:
    add(work, *make_chunks([3, 4, 5, 6], size=2))
    tasks = iter(go_on(work))
    for done in (1, 2):
        assert next(tasks) == done
    work.record_done(1)
    work.record_failed(2, "gone", "task_missing")
    assert next(tasks) == 3
    assert kept(work)[work.hold.chunk.id] == (3, 4)
    work.record_skipped(3)
    assert list(tasks) == [4, 5, 6]
    assert kept(work)[work.hold.chunk.id] == (4, 5, 6)


def test_the_next_page_is_listed_where_it_is_next(
    work: ChunkWork, studio: LabelStudioStandIn, redis: Redis
) -> None:
    listed = add_tasks(studio, 3, "Dog")
    new = [task_id for task_id in listed if task_id > 2]
    add(work, make_page(1))
    assert list(go_on(work)) == [1, 2, *new]
    assert list(kept(work)) == [work.hold.chunk.id], "the page behind it was empty"
    assert waiting(redis) == []


def test_another_run_has_its_turn(work: ChunkWork, redis: Redis) -> None:
    work.hold.store.create(other := make_run("other"))
    (theirs,) = make_chunks([7])
    work.hold.store.add_chunks(other.id, [theirs])
    add(work, ours := make_chunks([3])[0])
    assert list(go_on(work)) == [1, 2]
    assert waiting(redis) == [theirs.id, ours.id]


def test_tasks_that_a_worker_may_have_died_over_are_left_to_themselves(
    work: ChunkWork, redis: Redis
) -> None:
    (doubtful,) = make_chunks([3], is_doubtful=True)
    add(work, doubtful)
    assert list(go_on(work)) == [1, 2]
    assert waiting(redis) == [doubtful.id]


def test_a_chunk_that_was_begun_already_is_left_alone(work: ChunkWork, redis: Redis) -> None:
    (begun,) = make_chunks([3])
    add(work, begun)
    work.hold.store.begin_chunk(work.run.id, begun.id)
    assert list(go_on(work)) == [1, 2]
    assert waiting(redis) == [begun.id]


def test_who_lost_the_chunk_takes_no_other(work: ChunkWork, redis: Redis) -> None:
    (following,) = make_chunks([3])
    add(work, following)
    tasks = iter(go_on(work))
    assert next(tasks) == 1
    work.hold.store.begin_chunk(work.run.id, work.hold.chunk.id)
    assert list(tasks) == [2]
    assert waiting(redis) == [following.id]


def test_who_does_again_what_a_worker_died_over_takes_nothing_along(
    work: ChunkWork, redis: Redis
) -> None:
    (following,) = make_chunks([3])
    add(work, following)
    attempt = work.hold.store.begin_chunk(work.run.id, work.hold.chunk.id)
    again = replace(work, hold=replace(work.hold, attempt=attempt))
    assert again.hold.is_kept()
    assert list(go_on(again)) == [1, 2]
    assert waiting(redis) == [following.id]


def test_of_two_that_want_a_chunk_the_worker_that_has_its_job_gets_it(
    work: ChunkWork, redis: Redis
) -> None:
    (following,) = make_chunks([3])
    add(work, following)
    assert work.hold.store.find_next_chunk(work.run.id) == following
    get_queue(redis, BATCH).pop_job_id()
    store, held = work.hold.store, work.hold.chunk
    assert not store.join_chunk(work.run.id, held, work.hold.attempt, following)
    assert set(kept(work)) == {held.id, following.id}


@pytest.mark.parametrize("why", ["stop", "time"])
def test_it_goes_on_no_longer_than_it_may(work: ChunkWork, redis: Redis, why: str) -> None:
    clock = SimpleNamespace(now=0.0, is_stopping=False)
    tasks = iter(go_on(work, lambda: clock.is_stopping, lambda: clock.now))
    chunks = make_chunks([3, 4], size=1)
    add(work, *chunks)
    assert [next(tasks) for _ in range(3)] == [1, 2, 3]
    if why == "stop":
        clock.is_stopping = True
    else:
        clock.now = 601.0
    assert list(tasks) == []
    assert waiting(redis) == [chunks[1].id]


def test_a_run_that_was_cancelled_is_not_listed_any_more(
    work: ChunkWork, studio: LabelStudioStandIn
) -> None:
    add(work, make_page(1))
    store, run_id = work.hold.store, work.run.id
    studio.do_after_next("GET /api/tasks", lambda: store.stop(run_id, RunState.CANCELLED))
    asked_before = len(studio.requests)
    assert list(go_on(work, lambda: not store.is_running(run_id))) == [1, 2]
    assert len(studio.requests) == asked_before + 1
