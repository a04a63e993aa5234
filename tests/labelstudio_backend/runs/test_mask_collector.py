"""Accepted masks that this process collects: what ends one task, and what ends all."""

import pytest

from labelstudio_backend import LabelStudioTokenRefused
from labelstudio_backend.runs import RunKind
from labelstudio_backend.runs.lesson_store import LessonStore
from labelstudio_backend.runs.mask_collector import MaskCollector
from tests.integration.accepted_tasks import accept, add_accepted
from tests.label_studio_stand_in import LabelStudioStandIn

from .conftest import BeginChunk


def test_tasks_without_usable_masks_fail_with_their_reasons_and_the_others_are_kept(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    good, gone, elsewhere = task_ids = add_accepted(studio, range(3))
    (region, _) = studio.project.annotations[elsewhere][0]["result"]
    accept(studio, elsewhere, [{**region, "to_name": "other"}])
    work = begin_chunk(task_ids, RunKind.LEARNING)
    studio.delete_task(gone)
    assert MaskCollector(work).collect(task_ids, lambda: False) == []
    assert work.outcomes.find_failures(work.run.id) == {
        gone: "the task is gone: it was deleted in Label Studio",
        elsewhere: "its masks lie on 'other', which is no image of the label config",
    }
    assert work.outcomes.find_done(work.run.id) == [good]
    (stored,) = LessonStore(work.context.redis).load_tasks(work.run.id)
    assert (stored.task, len(stored.objects)) == (good, 2)


def test_who_should_stop_hands_back_all_but_the_first(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add_accepted(studio, range(3))
    work = begin_chunk(task_ids, RunKind.LEARNING)
    assert MaskCollector(work).collect(task_ids, lambda: True) == task_ids[1:]
    assert work.outcomes.find_done(work.run.id) == task_ids[:1]


def test_a_token_that_is_refused_ends_all_and_no_task_failed(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add_accepted(studio, range(2))
    work = begin_chunk(task_ids, RunKind.LEARNING)
    studio.do_after_next("GET /api/tasks", lambda: setattr(studio, "token", None))
    with pytest.raises(LabelStudioTokenRefused):
        MaskCollector(work).collect(task_ids, lambda: False)
    assert work.outcomes.find_open(work.run.id) == task_ids
