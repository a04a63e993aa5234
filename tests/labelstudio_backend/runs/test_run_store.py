"""Runs in Redis: what several processes do to one at the same moment, and how it ends."""

from collections.abc import Callable

import pytest
from redis import Redis

from labelstudio_backend.redis_keys import RUNS_KEY, run_key
from labelstudio_backend.runs import RunState, RunStore, work_on_chunk
from labelstudio_backend.runs.run_store import make_chunks

from .made_runs import make_run


class Interrupted:
    """A clock. A run that ends looks at it between reading and writing: then others do things."""

    def __init__(self) -> None:
        self.others: list[Callable[[], object]] = []

    def __call__(self) -> float:
        if self.others:
            self.others.pop()()
        return 7.0


@pytest.fixture
def clock() -> Interrupted:
    return Interrupted()


@pytest.fixture
def store(redis: Redis, clock: Interrupted) -> RunStore:
    return RunStore(redis, work_on_chunk, clock)


@pytest.fixture
def other(redis: Redis) -> RunStore:
    """The store of another process."""
    return RunStore(redis, work_on_chunk)


def test_a_run_whose_record_is_gone_is_listed_no_more(store: RunStore, redis: Redis) -> None:
    for number in (1, 2):
        store.create(make_run(f"r{number}", number))
    redis.delete(run_key("r1"))
    assert [run.id for run in store.list_runs(10)] == ["r2"]
    assert redis.zrange(RUNS_KEY, 0, -1) == [b"r2"]


def test_a_run_that_is_over_is_not_stopped_again(store: RunStore) -> None:
    store.create(make_run())
    store.stop("r1", RunState.CANCELLED)
    store.stop("r1", RunState.STOPPED, "too late")
    progress = store.progress("r1")
    assert (progress.state, progress.reason) == (RunState.CANCELLED, None)


def test_of_two_that_stop_a_run_at_once_the_first_is_right(
    store: RunStore, other: RunStore, clock: Interrupted
) -> None:
    store.create(make_run())
    clock.others = [lambda: other.stop("r1", RunState.STOPPED, "the token expired")]
    store.stop("r1", RunState.CANCELLED)
    progress = store.progress("r1")
    assert (progress.state, progress.reason) == (RunState.STOPPED, "the token expired")


def test_a_run_is_stopped_though_somebody_writes_to_it_meanwhile(
    store: RunStore, redis: Redis, clock: Interrupted
) -> None:
    store.create(make_run())
    clock.others = [lambda: redis.hset(run_key("r1"), "found", 1)]
    store.stop("r1", RunState.CANCELLED)
    assert store.progress("r1").state is RunState.CANCELLED


def test_a_run_does_not_end_over_work_that_another_adds_at_that_moment(
    store: RunStore, other: RunStore, clock: Interrupted
) -> None:
    store.create(run := make_run())
    first, second = make_chunks([1, 2], size=1)
    store.add_chunks(run.id, [first])
    clock.others = [lambda: other.add_chunks(run.id, [second])]
    store.complete_chunk(run, first.id)
    assert store.is_running(run.id)
    assert store.find_chunk(run.id, first.id) is None
    store.complete_chunk(run, second.id)
    assert store.progress(run.id).state is RunState.FINISHED


def test_a_run_that_is_restarted_with_nothing_to_do_is_over(store: RunStore) -> None:
    store.create(run := make_run())
    store.stop(run.id, RunState.CANCELLED)
    store.restart(run, [])
    progress = store.progress(run.id)
    assert (progress.state, progress.finished_at) == (RunState.FINISHED, 7.0)
