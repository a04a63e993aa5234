"""The images of a learning run: their embeddings, and where these are gone, the images again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core import ImageEmbedding
from worker import WorkerContext, find_embedding, keep_embedding, parse_view

from ..errors import MasksUnusable, TaskMissing
from ..job_resources import job_resources
from ..label_config import parse_label_config
from ..label_studio.client import LabelStudioClient
from .image_fetch import fetch_rgb
from .run import Run
from .stored_objects import StoredTask


class LessonImages:
    """Views of a run's images.

    Args:
        run: the run.
        tasks: what was collected for it.
        client: of its Label Studio.
        context: model and Redis of this worker process.
    """

    def __init__(
        self,
        run: Run,
        tasks: Sequence[StoredTask],
        client: LabelStudioClient,
        context: WorkerContext,
    ) -> None:
        self._run = run
        self._client = client
        self._context = context
        self._homes = {
            image: (task.task, name) for task in tasks for image, name in task.image_names.items()
        }

    def find_features(self, view: str) -> Tensor:
        """(C, grid, grid) features of a view, encoded again only where Redis gave them up.

        Raises:
            LabelStudioError, ImageUnusable, ImageHostError, MasksUnusable: they are gone, and the
                image cannot be had any more.
        """
        return (find_embedding(self._context, view) or self._encode_again(view)).features

    def find_task(self, image_sha256: str) -> int:
        """Id of the task of an image."""
        return self._homes[image_sha256][0]

    def fetch(self, view: str) -> NDArray[np.uint8]:
        """(h, w, 3) of a view.

        Raises:
            LabelStudioError, ImageUnusable, ImageHostError, MasksUnusable: it cannot be had.
        """
        image_sha256, tile = parse_view(view)
        task_id, image_name = self._homes[image_sha256]
        tasks = self._client.find_drawn_tasks(self._run.project, [task_id])
        if not tasks:
            raise TaskMissing(f"the task {task_id} is gone: it was deleted in Label Studio")
        found_sha256, rgb = fetch_rgb(
            self._context,
            self._client,
            job_resources().images,
            parse_label_config(self._run.label_config),
            tasks[0],
            image_name,
        )
        if found_sha256 != image_sha256:
            raise MasksUnusable(f"the image of task {task_id} was replaced while it was learned")
        return tile.crop(rgb) if tile else rgb

    def _encode_again(self, view: str) -> ImageEmbedding:
        (embedding,) = self._context.encode([self.fetch(view)])
        keep_embedding(self._context, view, embedding)
        return embedding
