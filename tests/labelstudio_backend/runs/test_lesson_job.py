"""Learning in this process: what was kept of it before, and another worker that begins it."""

import logging

import pytest

from labelstudio_backend.runs import RunKind
from labelstudio_backend.runs.chunk_work import ChunkWork
from labelstudio_backend.runs.lesson_job import learn_from_project
from labelstudio_backend.runs.lesson_store import LessonStore
from labelstudio_backend.runs.mask_collector import MaskCollector
from labelstudio_backend.runs.run import Chunk
from labelstudio_backend.runs.run_store import make_lesson
from tests.integration.accepted_tasks import add_accepted
from tests.label_studio_stand_in import LabelStudioStandIn

from .conftest import BeginChunk, replace_chunk

IMAGES = 10  # the fewest that are learned from


@pytest.fixture
def collected(studio: LabelStudioStandIn, begin_chunk: BeginChunk) -> ChunkWork:
    """A run that collected its masks."""
    task_ids = add_accepted(studio, range(IMAGES))
    work = begin_chunk(task_ids, RunKind.LEARNING)
    MaskCollector(work).collect(task_ids, lambda: False)
    return work


@pytest.fixture
def lesson(collected: ChunkWork) -> Chunk:
    """All that is left of the run."""
    replace_chunk(collected, lesson := make_lesson())
    return lesson


def learn(work: ChunkWork, lesson: Chunk) -> None:
    store, context = work.hold.store, work.context
    learn_from_project(work.run, lesson, store, work.client, context, context.predictor, work.job)


def test_what_was_learned_from_other_masks_is_begun_anew(
    collected: ChunkWork, lesson: Chunk, caplog: pytest.LogCaptureFixture
) -> None:
    redis, store, run_id = collected.context.redis, collected.hold.store, collected.run.id
    LessonStore(redis).save_lesson(run_id, b"of other masks")
    collected.job.stop()
    with caplog.at_level(logging.INFO):
        learn(collected, lesson)
    assert "learning begins anew" in caplog.text
    learning = store.progress(run_id).learning
    assert learning is not None
    assert (learning.phase, learning.done) == ("measuring before", 1)
    assert LessonStore(redis).load_lesson(run_id) != b"of other masks"
    assert store.find_chunk(run_id, lesson.id) is None, "handed back under another id"
    assert store.is_running(run_id)


def test_who_lost_the_lesson_to_another_worker_leaves_it_to_them(
    collected: ChunkWork, lesson: Chunk, studio: LabelStudioStandIn
) -> None:
    redis, store, run_id = collected.context.redis, collected.hold.store, collected.run.id
    redis.delete(*redis.keys("*embedding:*"))  # so that it asks for an image in the middle
    studio.do_after_next("GET /data/upload", lambda: store.begin_chunk(run_id, lesson.id))
    learn(collected, lesson)
    assert store.find_chunk(run_id, lesson.id) == lesson
    assert store.is_held(run_id, lesson.id, attempt=2)
    assert store.progress(run_id).report is None
    assert LessonStore(redis).load_lesson(run_id) is None, "the other may have kept more"
