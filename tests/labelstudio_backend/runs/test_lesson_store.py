"""What learning runs keep in Redis, and which run learns from a project."""

import threading

import pytest
from redis import Redis

from labelstudio_backend.runs import Run, RunKind, RunState
from labelstudio_backend.runs.lesson_store import LessonStore
from labelstudio_backend.runs.run_jobs import work_on_chunk
from labelstudio_backend.runs.run_store import RunStore
from labelstudio_backend.runs.stored_objects import StoredTask

from .made_runs import make_run

PROJECT = "1.1795393297"


@pytest.fixture
def runs(redis: Redis) -> RunStore:
    return RunStore(redis, work_on_chunk)


@pytest.fixture
def lessons(redis: Redis) -> LessonStore:
    return LessonStore(redis)


def make_lesson(run_id: str) -> Run:
    return make_run(run_id, kind=RunKind.LEARNING, project_key=PROJECT)


def test_who_asks_while_another_begins_waits_and_is_told_of_it(
    lessons: LessonStore, runs: RunStore
) -> None:
    answers: list[str | None] = []
    second = threading.Thread(
        target=lambda: answers.append(lessons.claim(PROJECT, "second", runs, lambda: None))
    )

    def begin() -> None:
        second.start()
        second.join(0.5)  # long enough for whoever does not wait
        runs.create(make_lesson("first"))

    assert lessons.claim(PROJECT, "first", runs, begin) is None
    second.join()
    assert answers == ["first"]


def test_a_project_is_free_again_when_its_run_is_over(lessons: LessonStore, runs: RunStore) -> None:
    assert lessons.claim(PROJECT, "first", runs, lambda: runs.create(make_lesson("first"))) is None
    assert lessons.claim(PROJECT, "first", runs, lambda: None) is None, "it may go on"
    assert lessons.claim("2.1", "other", runs, lambda: None) is None, "another project is free"
    runs.stop("first", RunState.CANCELLED)
    assert lessons.claim(PROJECT, "second", runs, lambda: None) is None


def test_tasks_come_back_in_their_order_and_lost_ones_are_known(lessons: LessonStore) -> None:
    for task_id in (10, 9):
        stored = StoredTask(task=task_id, image_names={}, objects=(), empty_masks=0)
        lessons.save_task("r", stored)
    assert [task.task for task in lessons.load_tasks("r")] == [9, 10]
    assert lessons.find_lost("r", [8, 9, 10]) == [8]
    lessons.save_lesson("r", b"decoder")
    assert lessons.load_lesson("r") == b"decoder"
    lessons.forget_lesson("r")
    assert (lessons.load_lesson("r"), lessons.load_tasks("r")) == (None, [])


def test_pictures_replace_those_that_there_were(lessons: LessonStore) -> None:
    lessons.save_pictures("r", {"a.jpg": b"a", "b.jpg": b"b"})
    lessons.save_pictures("r", {"b.jpg": b"c"})
    assert lessons.load_picture("r", "a.jpg") is None
    assert lessons.load_picture("r", "b.jpg") == b"c"
