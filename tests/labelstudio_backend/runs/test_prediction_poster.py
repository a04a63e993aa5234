"""A chunk's predictions on their way to Label Studio: together where that is sooner, each once."""

from collections.abc import Sequence

from labelstudio_backend.label_studio.predictions import write_prediction
from labelstudio_backend.runs.chunk_work import ChunkWork
from labelstudio_backend.runs.prediction_poster import PredictionPoster
from labelstudio_backend.runs.run_store import renew_chunk
from tests.integration.detected_tasks import ours
from tests.label_studio_stand_in import LabelStudioStandIn

from .conftest import BeginChunk, replace_chunk

POST = "POST /api/predictions/"
IMPORT = "POST /api/projects/1/import/predictions"
LONG = "x" * 1_100_000
"""Four of a region's values are more than one call holds."""


class Settled:
    """Remembers what failed; the others go on, unless told otherwise."""

    def __init__(self, may_go_on: bool = True) -> None:
        self.failed: dict[int, Exception] = {}
        self._may_go_on = may_go_on

    def __call__(self, task_id: int, error: Exception) -> bool:
        self.failed[task_id] = error
        return self._may_go_on


def post(work: ChunkWork, task_ids: Sequence[int], settled: Settled, value: object = 1) -> None:
    """Post predictions that come at once."""
    region = {"id": "a", "type": "rectanglelabels", "to_name": "image", "value": value}
    body = {"result": [region], "score": 0.5, "model_version": work.run.model_version}
    with PredictionPoster(work, settled) as poster:
        for task_id in task_ids:
            poster.add(write_prediction(task_id, work.run.project, body))


def posted(studio: LabelStudioStandIn) -> list[str]:
    return [request for request in studio.requests if request in (POST, IMPORT)]


def add(studio: LabelStudioStandIn, count: int) -> list[int]:
    return studio.add_tasks([{"image": "x.jpg"}] * count)


def assert_stored_once(
    studio: LabelStudioStandIn, work: ChunkWork, task_ids: Sequence[int]
) -> None:
    assert [len(ours(studio, task_id, work.run.model_version)) for task_id in task_ids] == [
        1
    ] * len(task_ids)
    assert work.outcomes.find_done(work.run.id) == sorted(task_ids)


def test_what_comes_in_a_moment_is_stored_in_one_call(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add(studio, 12)
    work, settled = begin_chunk(task_ids), Settled()
    post(work, task_ids, settled)
    assert posted(studio) == [IMPORT]
    assert_stored_once(studio, work, task_ids)
    assert not settled.failed


def test_few_and_those_of_a_large_project_are_stored_one_by_one(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add(studio, 12)
    work = begin_chunk(task_ids)
    post(work, task_ids[:2], Settled())
    add(studio, 9_000)
    post(work, task_ids[2:], Settled())
    assert posted(studio) == 12 * [POST]
    assert_stored_once(studio, work, task_ids)


def test_a_task_that_is_gone_fails_alone(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add(studio, 8)
    work, settled = begin_chunk(task_ids), Settled()
    studio.delete_task(task_ids[3])
    post(work, task_ids, settled)
    assert "no task" in str(settled.failed.pop(task_ids[3]))
    assert not settled.failed
    assert posted(studio) == [IMPORT, *8 * [POST]]
    assert_stored_once(studio, work, [*task_ids[:3], *task_ids[4:]])


def test_a_call_whose_answer_is_lost_doubles_nothing(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add(studio, 8)
    work, settled = begin_chunk(task_ids), Settled()
    studio.drop_next(IMPORT, is_handled_first=True)
    studio.do_after_next(IMPORT, lambda: studio.predictions.pop(task_ids[2]))
    post(work, task_ids, settled)
    assert posted(studio) == [IMPORT, POST]  # only what was looked for and not there
    assert not settled.failed
    assert_stored_once(studio, work, task_ids)


def test_long_predictions_are_not_all_stored_in_one_call(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add(studio, 12)
    work = begin_chunk(task_ids)
    post(work, task_ids, Settled(), value=LONG)
    assert posted(studio) == 3 * [IMPORT]
    assert_stored_once(studio, work, task_ids)


def test_what_does_not_go_together_once_is_not_tried_again(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add(studio, 12)
    work = begin_chunk(task_ids)
    studio.answer_next(IMPORT, 403)
    post(work, task_ids, Settled(), value=LONG)
    assert posted(studio) == [IMPORT, *12 * [POST]]
    assert_stored_once(studio, work, task_ids)


def test_who_lost_the_chunk_stores_nothing(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add(studio, 5)
    work = begin_chunk(task_ids)
    work.hold.store.begin_chunk(work.run.id, work.hold.chunk.id)
    post(work, task_ids, Settled())
    assert posted(studio) == []
    assert work.outcomes.find_open(work.run.id) == task_ids


def test_who_loses_the_chunk_meanwhile_leaves_what_was_stored_first(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add(studio, 5)
    work = begin_chunk(task_ids)
    body = {"result": [], "score": 0.5, "model_version": work.run.model_version, "project": 1}
    assert studio.project.post_prediction({**body, "task": task_ids[1]})[0] == 201

    def lose_chunk_and_a_task() -> None:
        replace_chunk(work, renew_chunk(work.hold.chunk))
        studio.delete_task(task_ids[4])

    studio.do_after_next(IMPORT, lose_chunk_and_a_task)
    post(work, task_ids, settled := Settled())
    assert list(settled.failed) == task_ids[4:]
    assert_stored_once(studio, work, task_ids[:4])
    assert ours(studio, task_ids[1], work.run.model_version)[0]["id"] == 1


def test_after_what_ends_all_nothing_is_posted(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add(studio, 6)
    work, settled = begin_chunk(task_ids), Settled(may_go_on=False)
    studio.answer_next(IMPORT, 403)
    studio.answer_next(POST, 403)
    post(work, task_ids, settled)
    assert list(settled.failed) == task_ids[:1]
    assert posted(studio) == [IMPORT, POST]
    assert work.outcomes.find_open(work.run.id) == task_ids
