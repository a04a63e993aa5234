"""Images of a learning run that Redis gave up, that were replaced, or whose tasks are gone."""

import logging

import pytest
import torch

from labelstudio_backend.errors import MasksUnusable, TaskMissing
from labelstudio_backend.runs import RunKind
from labelstudio_backend.runs.change_pictures import draw_pictures
from labelstudio_backend.runs.chunk_work import ChunkWork
from labelstudio_backend.runs.lesson_images import LessonImages
from labelstudio_backend.runs.lesson_store import LessonStore
from labelstudio_backend.runs.mask_collector import MaskCollector
from labelstudio_backend.runs.stored_objects import StoredTask
from tests.integration.accepted_tasks import accept, draw_half, make_brush, make_png_file
from tests.label_studio_stand_in import LabelStudioStandIn
from training import Change
from training.comparison import PROMPTS
from worker import find_embedding

from .conftest import BeginChunk


@pytest.fixture
def collected(studio: LabelStudioStandIn, begin_chunk: BeginChunk) -> ChunkWork:
    """A run that collected the masks of two tasks, with images in a bucket."""
    task_ids = []
    for number in (0, 1):
        rgb, masks = draw_half(number)
        studio.cloud_files[f"s3://bucket/{number}.png"] = make_png_file(rgb)
        task_ids += studio.add_tasks([{"image": f"s3://bucket/{number}.png"}])
        accept(studio, task_ids[-1], [make_brush(0, masks[0])])
    work = begin_chunk(task_ids, RunKind.LEARNING)
    MaskCollector(work).collect(task_ids, lambda: False)
    assert work.outcomes.find_done(work.run.id) == task_ids
    return work


@pytest.fixture
def tasks(collected: ChunkWork) -> list[StoredTask]:
    return LessonStore(collected.context.redis).load_tasks(collected.run.id)


@pytest.fixture
def images(collected: ChunkWork, tasks: list[StoredTask]) -> LessonImages:
    return LessonImages(collected.run, tasks, collected.client, collected.context)


@pytest.fixture
def view(tasks: list[StoredTask]) -> str:
    """Of the first task's object."""
    return tasks[0].objects[0].unpack().closest.view


def forget_embeddings(work: ChunkWork) -> None:
    """Give up all embeddings, as Redis does for room."""
    work.context.redis.delete(*work.context.redis.keys("*embedding:*"))


def test_an_embedding_that_is_gone_is_made_again_and_kept(
    collected: ChunkWork, images: LessonImages, view: str
) -> None:
    before = images.find_features(view).float()
    forget_embeddings(collected)
    assert find_embedding(collected.context, view) is None
    assert torch.allclose(images.find_features(view), before, atol=5e-3, rtol=5e-3)
    assert find_embedding(collected.context, view) is not None


def test_an_image_that_was_replaced_is_not_learned_from(
    collected: ChunkWork, images: LessonImages, studio: LabelStudioStandIn, view: str
) -> None:
    forget_embeddings(collected)
    studio.cloud_files["s3://bucket/0.png"] = studio.cloud_files["s3://bucket/1.png"]
    with pytest.raises(MasksUnusable, match="the image of task 1 was replaced"):
        images.find_features(view)


def test_a_task_that_was_deleted_is_said(
    images: LessonImages, studio: LabelStudioStandIn, view: str
) -> None:
    studio.delete_task(1)
    with pytest.raises(TaskMissing, match="the task 1 is gone"):
        images.fetch(view)


def test_an_image_that_cannot_be_had_any_more_costs_its_own_picture_alone(
    collected: ChunkWork,
    images: LessonImages,
    tasks: list[StoredTask],
    studio: LabelStudioStandIn,
    caplog: pytest.LogCaptureFixture,
) -> None:
    studio.delete_task(1)
    low, high = (0.2,) * len(PROMPTS), (0.8,) * len(PROMPTS)
    first, second = (task.objects[0].unpack() for task in tasks)
    changes = [Change(first, low, high), Change(second, high, low)]
    predictor = collected.context.predictor
    with caplog.at_level(logging.WARNING):
        ((picture, content),) = draw_pictures(changes, images, predictor, predictor)
    assert (picture.name, picture.task) == ("loss-1-task-2.jpg", 2)
    assert (picture.before, picture.after) == (0.8, 0.2)
    assert content.startswith(b"\xff\xd8")
    assert "no picture of gain-1: the task 1 is gone" in caplog.text
