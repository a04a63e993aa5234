"""The tasks of a learning run: what was accepted on them, and the embeddings of their images."""

import logging
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core import Tile
from worker import find_embedding, keep_embedding, view_of

from ..errors import MasksUnusable, TaskMissing
from ..label_config import LabelConfig, parse_label_config
from ..label_studio.answers import DrawnTask
from .accepted_masks import AcceptedMasks, read_accepted_masks
from .chunk_work import ChunkWork
from .image_fetch import fetch_rgb
from .lesson_store import LessonStore
from .stored_objects import StoredObject, StoredTask, find_view_tile, store_object
from .task_failures import RUN_STOPPERS, TASK_FAILURES

logger = logging.getLogger(__name__)

_TASKS_A_LOOK = 8


class MaskCollector:
    """Collects accepted masks, and encodes the images whose embeddings nobody has.

    Args:
        work: a learning run, the worker's hold of the chunk, and what it works with.
    """

    def __init__(self, work: ChunkWork) -> None:
        self._work = work
        self._config: LabelConfig = parse_label_config(work.run.label_config)
        self._lessons = LessonStore(work.context.redis)

    def collect(self, task_ids: Sequence[int], should_stop: Callable[[], bool]) -> list[int]:
        """Collect the masks of tasks until all are done or it should stop; at least one is done.

        Args:
            task_ids: of the run's project.
            should_stop: asked between tasks.

        Returns:
            Tasks that were not begun.

        Raises:
            LabelStudioUnreachable, LabelStudioTokenRefused, LabelStudioUnknown, ProjectMissing:
                no task could go on; those without an outcome are still open.
        """
        for start in range(0, len(task_ids), _TASKS_A_LOOK):
            some = task_ids[start : start + _TASKS_A_LOOK]
            drawn = self._work.client.find_drawn_tasks(self._work.run.project, some)
            found = {task.id: task for task in drawn}
            for number, task_id in enumerate(some, start):
                if number and should_stop():
                    return list(task_ids[number:])
                self._collect_one(task_id, found.get(task_id))
        return []

    def _collect_one(self, task_id: int, task: DrawnTask | None) -> None:
        run_id = self._work.run.id
        try:
            if task is None:
                raise TaskMissing("the task is gone: it was deleted in Label Studio")
            stored = self._read(task)
        except RUN_STOPPERS:
            raise
        except TASK_FAILURES as error:
            self._work.record_error(task_id, error)
            return
        if not stored.objects:
            self._work.record_skipped(task_id)
            return
        self._lessons.save_task(run_id, stored)
        self._work.record_done(task_id)

    def _read(self, task: DrawnTask) -> StoredTask:
        image_names: dict[str, str] = {}
        objects: list[StoredObject] = []
        accepted = read_accepted_masks(task)
        for found in accepted:
            image_sha256, rgb = self._fetch(task, found)
            image_names[image_sha256] = found.image_name
            architecture = self._work.context.predictor.architecture
            tiles = [
                find_view_tile(mask, self._work.run.has_tiles, architecture) for mask in found.masks
            ]
            for mask, tile in zip(found.masks, tiles, strict=True):
                name = f"{task.id}.{len(objects)}"
                objects.append(store_object(name, image_sha256, mask, tile))
            self._encode(image_sha256, rgb, dict.fromkeys((None, *tiles)))
        return StoredTask(
            task=task.id,
            image_names=image_names,
            objects=tuple(objects),
            empty_masks=sum(found.empty for found in accepted),
        )

    def _fetch(self, task: DrawnTask, found: AcceptedMasks) -> tuple[str, NDArray[np.uint8]]:
        image_sha256, rgb = fetch_rgb(
            self._work.context,
            self._work.client,
            self._work.images,
            self._config,
            task,
            found.image_name,
        )
        height, width = rgb.shape[:2]
        if (height, width) != found.size_hw:
            raise MasksUnusable(
                f"its masks are of an image of {found.size_hw[1]}×{found.size_hw[0]} pixels, and "
                f"the image now has {width}×{height}"
            )
        return image_sha256, rgb

    def _encode(
        self, image_sha256: str, rgb: NDArray[np.uint8], tiles: dict[Tile | None, None]
    ) -> None:
        for tile in tiles:
            view = view_of(image_sha256, tile)
            if find_embedding(self._work.context, view) is None:
                (embedding,) = self._work.context.encode([tile.crop(rgb) if tile else rgb])
                keep_embedding(self._work.context, view, embedding)
