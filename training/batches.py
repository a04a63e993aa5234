"""Training batches, made ahead of the step that needs them in processes of their own.

Batch number `step` of a seed is always the same, whoever makes it: a resumed run goes on with
exactly the batches that it would have seen.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from types import TracebackType

import numpy as np
import numpy.typing as npt

from training.places import draw_places
from training.prompts import draw_training_prompt, pack
from training.scenes import make_scene
from training.views import draw_view

# Held-out scenes come from streams above this number, training scenes from those below it.
FIRST_HELD_OUT_SEED = 1_000_000
_QUEUE_LENGTH = 8
_POLL_S = 2.0
_NICENESS = 19


@dataclass(frozen=True)
class BatchRecipe:
    """What fixes the content of every batch.

    Attributes:
        seed: stream of scenes, below `FIRST_HELD_OUT_SEED`.
        scenes: pictures a batch.
        objects: prompts a picture.
        image_px: side of the picture.
        truth_px: side of the truth masks, as the model's logits.
    """

    seed: int
    scenes: int
    objects: int
    image_px: int
    truth_px: int

    def __post_init__(self) -> None:
        if not 0 <= self.seed < FIRST_HELD_OUT_SEED:
            raise ValueError(
                f"training seed {self.seed} is not in [0, {FIRST_HELD_OUT_SEED}): "
                "seeds above are held out for measuring"
            )


@dataclass(frozen=True)
class Batch:
    """One step's pictures and prompted objects.

    Attributes:
        images: (B, S, S, 3) uint8.
        points: (B, Q, 6, 2) float32, model-input pixels, (x, y).
        labels: (B, Q, 6) int64.
        truth: (B, Q, T, T) uint8, covered share of each logit's pixels, 0 to 255.
        places: (B, P) int64, cells on a grid of side T / 2.
        owners: (B, P) int64, the object each of these lies in, 0 for background.
    """

    images: npt.NDArray[np.uint8]
    points: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    truth: npt.NDArray[np.uint8]
    places: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]


def make_batch(recipe: BatchRecipe, step: int) -> Batch:
    """Paint the scenes of a step and draw a prompt for each chosen object."""
    images, points, labels, truth, places, owners = [], [], [], [], [], []
    for offset in range(recipe.scenes):
        index = step * recipe.scenes + offset
        rng = np.random.default_rng((recipe.seed, index, 1))
        scene = draw_view(rng, make_scene(recipe.seed, index, recipe.image_px))
        images.append(scene.image)
        cells, owner = draw_places(rng, scene.objects, recipe.truth_px // 2)
        places.append(cells)
        owners.append(owner)
        for number in _choose_objects(rng, scene.objects, recipe.objects):
            mask = scene.objects[number]
            packed_points, packed_labels = pack(draw_training_prompt(rng, mask))
            points.append(packed_points)
            labels.append(packed_labels)
            truth.append(downsample(mask, recipe.truth_px))
    lead = (recipe.scenes, recipe.objects)
    return Batch(
        np.stack(images),
        np.stack(points).reshape(*lead, *points[0].shape),
        np.stack(labels).reshape(*lead, *labels[0].shape),
        np.stack(truth).reshape(*lead, *truth[0].shape),
        np.stack(places),
        np.stack(owners),
    )


def _choose_objects(
    rng: np.random.Generator, objects: npt.NDArray[np.bool_], count: int
) -> npt.NDArray[np.int64]:
    """Every object once if there is room, then again by size: large ones have more to show."""
    order = rng.permutation(len(objects))[:count]
    weights = np.sqrt(objects.sum(axis=(1, 2)))
    extra = rng.choice(len(objects), max(0, count - len(order)), p=weights / weights.sum())
    return np.concatenate([order, extra])


def downsample(mask: npt.NDArray[np.bool_], size_px: int) -> npt.NDArray[np.uint8]:
    """Area-average a square mask to (size_px, size_px), 255 where it is fully covered."""
    factor = mask.shape[0] // size_px
    blocks = mask.reshape(size_px, factor, size_px, factor)
    return np.asarray(blocks.mean(axis=(1, 3)) * 255, np.uint8)


def _fill_queue(recipe: BatchRecipe, step: int, stride: int, batches: Queue[Batch]) -> None:
    """Body of a batch-making process; ends when its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the trainer, which stops us
    batches.cancel_join_thread()  # nobody takes what a parent that is gone has left
    os.nice(_NICENESS)  # a step in hand goes first; it waits for a batch only when there is none
    parent = os.getppid()
    while os.getppid() == parent:
        batch = make_batch(recipe, step)
        step += stride
        while os.getppid() == parent:
            try:
                batches.put(batch, timeout=_POLL_S)
                break
            except queue.Full:
                continue


class BatchStream:
    """Batches in order from `first_step` on, made ahead by `makers` background processes."""

    def __init__(self, recipe: BatchRecipe, first_step: int, makers: int = 1) -> None:
        context = multiprocessing.get_context("spawn")
        self._queues: list[Queue[Batch]] = [context.Queue(_QUEUE_LENGTH) for _ in range(makers)]
        # Each makes every `makers`-th batch, so that taking from them in turn keeps the order.
        self._makers: list[BaseProcess] = [
            context.Process(
                target=_fill_queue, args=(recipe, first_step + i, makers, batches), daemon=True
            )
            for i, batches in enumerate(self._queues)
        ]
        self._turn = 0

    def __enter__(self) -> BatchStream:
        for maker in self._makers:
            maker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for maker, batches in zip(self._makers, self._queues, strict=True):
            maker.terminate()
            maker.join()
            batches.cancel_join_thread()
            batches.close()

    def take(self) -> Batch:
        """Wait for the next batch.

        Raises:
            RuntimeError: the process that makes it has died.
        """
        maker, batches = self._makers[self._turn], self._queues[self._turn]
        self._turn = (self._turn + 1) % len(self._queues)
        while True:
            try:
                return batches.get(timeout=_POLL_S)
            except queue.Empty:
                if not maker.is_alive():
                    raise RuntimeError(
                        f"the batch-making process ended with exit code {maker.exitcode}"
                    ) from None
