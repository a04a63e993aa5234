"""A chunk of tasks that this process labels: what ends one task, and what ends all."""

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pytest
from redis.exceptions import RedisError

from core import MaskPrediction, OutOfMemory, Predictor
from labelstudio_backend import LabelStudioTokenRefused
from labelstudio_backend.errors import LabelStudioUnreachable
from labelstudio_backend.label_config import parse_label_config
from labelstudio_backend.runs import RunOptions
from labelstudio_backend.runs.chunk_pipeline import ChunkPipeline
from labelstudio_backend.runs.chunk_work import ChunkWork
from labelstudio_backend.runs.concurrency_limit import CallTurns
from labelstudio_backend.task_labeler import LabelingPlan, TaskLabeler
from labelstudio_backend.task_prompts import PromptSource
from tests.integration.detected_tasks import add_tasks, detect, ours
from tests.label_studio_stand_in import LabelStudioStandIn
from tests.redis_process import RedisProcess
from worker import EmbeddingClient, connect_redis, read_counters

from ..image_host import make_png
from ..label_studio_requests import make_rectangle
from .conftest import BeginChunk

UNBEARABLE_HW = (60, 90)


def label(
    work: ChunkWork,
    task_ids: Sequence[int],
    should_stop: Callable[[], bool] = lambda: False,
    predictor: Predictor | None = None,
) -> list[int]:
    """Label tasks; those that were not begun."""
    plan = LabelingPlan(work.run.options.prompts, work.run.options.label, work.run.has_tiles)
    config = parse_label_config(work.run.label_config)
    labeler = TaskLabeler(predictor or work.context.predictor, config, plan)
    begun = ChunkPipeline(work, labeler).label(task_ids, should_stop)
    return [task_id for task_id in task_ids if task_id not in begun]


def count_of(work: ChunkWork, name: str, **labels: str) -> float:
    """What was counted under a name, of these labels."""
    counted = [one for one in read_counters(work.context.redis) if one.name == name]
    return sum(one.amount for one in counted if labels.items() <= one.labels.items())


def test_a_task_that_was_deleted_meanwhile_fails_alone(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    first, second = add_tasks(studio, 2, "Dog")
    work = begin_chunk([first, second])
    studio.delete_task(first)
    assert label(work, [first, second]) == []
    assert work.outcomes.find_failures(work.run.id) == {
        first: "the task is gone: it was deleted in Label Studio"
    }
    assert work.outcomes.find_done(work.run.id) == [second]
    assert count_of(work, "failures", reason="task_missing") == 1


def test_the_last_images_are_labelled_although_they_fill_no_batch(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add_tasks(studio, 3, "Dog")
    work = begin_chunk(task_ids, images_at_once=8)
    assert label(work, task_ids) == []
    assert work.outcomes.find_done(work.run.id) == task_ids
    assert count_of(work, "encoded_images") == 3


def test_small_images_are_encoded_several_in_a_pass(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add_tasks(studio, 8, "Dog")
    work = begin_chunk(task_ids)
    assert label(work, task_ids) == []
    assert count_of(work, "encoded_images") == len(task_ids)
    assert count_of(work, "encodes", batch_size="4") >= 1


def test_where_everything_is_decoded_an_image_is_a_batch(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add_tasks(studio, 3)
    work = begin_chunk(task_ids, options=RunOptions(prompts=PromptSource.EVERYTHING))
    label(work, task_ids)
    assert count_of(work, "encodes", batch_size="1") == len(task_ids)


def test_a_worker_that_should_stop_ends_at_once_with_what_is_in_hand(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add_tasks(studio, 40, "Dog")
    work = begin_chunk(task_ids)
    rest = label(work, task_ids, lambda: True)
    done = work.outcomes.find_done(work.run.id)
    assert sorted([*done, *rest]) == task_ids
    assert 1 <= len(done) <= 4, "one batch, so that a run gets on"
    images = [request for request in studio.requests if request.startswith("GET /data/")]
    assert len(images) < len(task_ids), "others are not even fetched"


def test_nothing_new_is_begun_while_an_urgent_job_is_done(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add_tasks(studio, 3, "Dog")
    work = begin_chunk(task_ids)
    with ThreadPoolExecutor() as threads:
        with work.job.passing():
            labelling = threads.submit(label, work, task_ids, work.job.should_stop)
            assert not wait([labelling], 0.5).done
            assert not any(request.startswith("GET /data/") for request in studio.requests)
        assert labelling.result() == []
    assert work.outcomes.find_done(work.run.id) == task_ids


def test_what_is_drawn_is_posted_after_an_urgent_job(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    (task_id,) = add_tasks(studio, 1, "Dog")
    work = begin_chunk([task_id])
    passing = work.job.passing()
    studio.do_after_next("GET /data/upload", passing.__enter__)
    with ThreadPoolExecutor() as threads:
        labelling = threads.submit(label, work, [task_id])
        assert not wait([labelling], 0.5).done
        assert ours(studio, task_id, work.run.model_version) == []
        passing.__exit__(None, None, None)
        assert labelling.result() == []
    assert work.outcomes.find_done(work.run.id) == [task_id]


def test_a_token_that_is_refused_ends_all_and_no_task_failed(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = add_tasks(studio, 3, "Dog")
    work = begin_chunk(task_ids)
    studio.do_after_next("GET /api/tasks", lambda: setattr(studio, "token", None))
    with pytest.raises(LabelStudioTokenRefused):
        label(work, task_ids)
    assert work.outcomes.find_open(work.run.id) == task_ids


def test_a_label_studio_that_is_away_is_not_waited_for_once_a_task(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_and_dawdle(turns: CallTurns, *learned: Any) -> None:
        end(turns, *learned)
        time.sleep(0.1)  # whoever is next has the turn before this thread goes on

    end = CallTurns._end
    monkeypatch.setattr(CallTurns, "_end", end_and_dawdle)
    task_ids = add_tasks(studio, 8, "Dog")
    work = begin_chunk(task_ids, images_at_once=8)
    studio.answer_next("POST /api/predictions/", 503, times=100)
    with pytest.raises(LabelStudioUnreachable):
        label(work, task_ids)
    assert studio.requests.count("POST /api/predictions/") == 1
    assert work.outcomes.find_open(work.run.id) == task_ids


def test_a_failure_that_redis_cannot_keep_ends_all(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    (task_id,) = studio.add_tasks([{"image": "/data/upload/1/gone.jpg"}])
    detect(studio, task_id, "Dog")
    with RedisProcess() as server:
        client = connect_redis(server.url, is_patient=False)
        work = begin_chunk([task_id], redis=client)
        studio.do_after_next("GET /data/upload", server.kill)
        with pytest.raises(RedisError):
            label(work, [task_id])
        server.start()
        client.close()


def add_small_box(studio: LabelStudioStandIn, *more_at: int) -> tuple[int, bytes]:
    """A task with a box of a twentieth of its image, and more at some percent; and the image."""
    rgb = np.random.default_rng(1).integers(0, 255, (900, 1200, 3), dtype=np.uint8)
    image = make_png(rgb)
    (task_id,) = studio.add_tasks([{"image": studio.add_image("large.png", image)}])
    boxes = [make_rectangle(at, at, 5, 5, size_wh=(1200, 900)) for at in (50, *more_at)]
    studio.predictions[task_id] = [{"id": 1, "result": boxes, "model_version": "detector"}]
    return task_id, image


def test_a_small_box_in_a_large_image_is_answered_from_its_tile(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_id, _ = add_small_box(studio)
    work = begin_chunk([task_id])
    assert label(work, [task_id]) == []
    assert count_of(work, "encoded_images") == 1, "the tile alone"
    assert len(ours(studio, task_id, work.run.model_version)) == 1


def test_what_is_kept_is_the_whole_image_also_where_a_tile_answers(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_id, image = add_small_box(studio)
    work = begin_chunk([task_id], options=RunOptions(keep_embeddings=True))
    assert label(work, [task_id]) == []
    client = EmbeddingClient(work.context.redis, work.context.predictor.embedding_identity)
    kept = client.find(hashlib.sha256(image).hexdigest())
    assert kept is not None
    assert kept.original_size_hw == (900, 1200)


def test_tiles_of_several_tasks_are_encoded_in_common_passes(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk
) -> None:
    task_ids = [add_small_box(studio, 5, 90)[0] for _ in range(4)]
    work = begin_chunk(task_ids)
    assert label(work, task_ids) == []
    assert count_of(work, "encoded_images") == 12
    assert count_of(work, "encodes") == count_of(work, "encodes", batch_size="4") == 3
    for task_id in task_ids:
        (prediction,) = ours(studio, task_id, work.run.model_version)
        assert len(prediction["result"]) == 3


class ForgetfulPredictor(Predictor):
    """A decoder that can decode but one image at a time, and one of them not at all."""

    def decode_each(self, embeddings: Any, prompts: Any) -> list[list[MaskPrediction]]:
        if len(embeddings) > 1:
            raise OutOfMemory("too many")
        if embeddings[0].original_size_hw == UNBEARABLE_HW:
            raise RuntimeError("it cannot be borne")
        return super().decode_each(embeddings, prompts)


def test_an_image_that_cannot_be_decoded_fails_alone(
    studio: LabelStudioStandIn, begin_chunk: BeginChunk, predictor: Predictor
) -> None:
    good, other = add_tasks(studio, 2, "Dog")
    image = make_png(np.zeros((*UNBEARABLE_HW, 3), np.uint8))
    (bad,) = studio.add_tasks([{"image": studio.add_image("bad.png", image)}])
    detect(studio, bad, "Dog", size_hw=UNBEARABLE_HW)
    forgetful = ForgetfulPredictor.__new__(ForgetfulPredictor)
    vars(forgetful).update(vars(predictor))
    task_ids = [good, bad, other]
    work = begin_chunk(task_ids)
    assert label(work, task_ids, predictor=forgetful) == []
    assert work.outcomes.find_done(work.run.id) == [good, other]
    assert work.outcomes.find_failures(work.run.id) == {bad: "it cannot be borne"}
