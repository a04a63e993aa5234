"""Tasks whose images are there, labelled some at a time.

What their looks ask for, of whichever task, is encoded and decoded in common passes: a pass costs
something by itself, and most of a small model's is that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import ImageEmbedding, MaskPrediction, Prompt, Seen, Tile, View, run_looks
from worker import WorkerContext, keep_embedding, work_in_halves

from ..labeled_task import LabeledTask
from ..task_labeler import TaskLabeler, TaskPrompt
from ..task_prompts import PromptSource
from .run import RunOptions


@dataclass(frozen=True, eq=False)
class ReadTask:
    """A task whose image is there.

    Attributes:
        id: of the task.
        prompt: what is asked about it.
        content_sha256: of the image file.
        rgb: (H, W, 3) uint8.
    """

    id: int
    prompt: TaskPrompt
    content_sha256: str
    rgb: NDArray[np.uint8]

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width) of the image."""
        return self.rgb.shape[0], self.rgb.shape[1]

    def crop(self, tile: Tile | None) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 of a part of the image; None is all of it."""
        return self.rgb if tile is None else tile.crop(self.rgb)


class BatchLabeler:
    """Labels tasks of one run. Safe between threads.

    Args:
        context: encodes, on this worker's device.
        labeler: of the run's project.
        options: of the run.
        at_once: how many images are encoded in a pass.
    """

    def __init__(
        self, context: WorkerContext, labeler: TaskLabeler, options: RunOptions, at_once: int
    ) -> None:
        self._context = context
        self._labeler = labeler
        self._is_everything = options.prompts is PromptSource.EVERYTHING
        self._keeps = options.keep_embeddings
        self._at_once = at_once

    def label(
        self, batch: Sequence[ReadTask]
    ) -> Iterator[tuple[ReadTask, LabeledTask | Exception]]:
        """Label some tasks.

        Args:
            batch: as many as are encoded in a pass.

        Yields:
            A task, as soon as it is done, and what came of it.

        Raises:
            RedisError: no embedding can be kept, or counted.
        """
        whole: dict[int, ImageEmbedding] = {}
        if self._is_everything or self._keeps:
            images = [task.rgb for task in batch]
            for task, embedding in zip(batch, self._context.encode_each(images), strict=True):
                if isinstance(embedding, Exception):
                    yield task, embedding
                    continue
                whole[task.id] = embedding
                if self._keeps:
                    keep_embedding(self._context, task.content_sha256, embedding)
            batch = [task for task in batch if task.id in whole]
        if self._is_everything:
            for task in batch:
                yield task, self._label_everything(task, whole[task.id])
            return

        def see(views: Sequence[tuple[int, View]]) -> list[Seen | Exception]:
            return self._see([(batch[i], view) for i, view in views], whole)

        looks = [self._labeler.look(task.prompt, task.size_hw) for task in batch]
        for i, labeled in run_looks(looks, see, self._at_once):
            yield batch[i], labeled

    def _label_everything(
        self, task: ReadTask, embedding: ImageEmbedding
    ) -> LabeledTask | Exception:
        try:
            return self._labeler.label_everything(task.prompt, embedding)
        except Exception as error:  # it is about this task
            return error

    def _see(
        self, views: Sequence[tuple[ReadTask, View]], whole: Mapping[int, ImageEmbedding]
    ) -> list[Seen | Exception]:
        """What is seen in parts of images, or why nothing is.

        Args:
            views: of tasks.
            whole: embeddings of whole images that are there already, by task.
        """
        known = [whole.get(task.id) if view.tile is None else None for task, view in views]
        parts = [
            task.crop(view.tile) for k, (task, view) in zip(known, views, strict=True) if not k
        ]
        encoded = iter(self._context.encode_each(parts))
        embeddings = [embedding or next(encoded) for embedding in known]
        asked = [
            (embedding, view.prompts)
            for embedding, (_, view) in zip(embeddings, views, strict=True)
            if not isinstance(embedding, Exception)
        ]
        decoded = iter(work_in_halves(self._decode, asked))
        return [e if isinstance(e, Exception) else next(decoded) for e in embeddings]

    def _decode(
        self, asked: Sequence[tuple[ImageEmbedding, Sequence[Prompt]]]
    ) -> list[list[MaskPrediction]]:
        embeddings, prompts = zip(*asked, strict=True)
        return self._labeler.predictor.decode_each(embeddings, prompts)
