"""``python -m bench.finetune``: what 200 accepted masks of a project are worth.

Two made projects (``looks``): one that the model misreads, where one click on images that were in
no project has to gain 0.10 mean IoU, and one that it reads already, where nothing may fall by more
than 0.01. Both learn as ``esam finetune`` does; a decoder that is not better on the project's own
held-out images is not used, and then the unseen images are measured with what stays in use.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from core import Predictor, load_predictor
from training import (
    AcceptedObject,
    ComparedPrompt,
    FineTuning,
    FineTuningProgress,
    ObjectView,
    as_comparison_table,
)
from training.comparison import PROMPTS, measure
from training.decoder_training import DecoderTrainingConfig

from .looks import Picture, draw_cells, draw_shapes

_PROJECT_IMAGES = 40
_UNSEEN_IMAGES = 20
_FIRST_UNSEEN = 10_000


@dataclass(frozen=True)
class Lesson:
    """What learning from one project came to.

    Attributes:
        masks: that were accepted.
        is_better: whether its decoder is used.
        reason: why.
        unseen: mean IoU before and after, on images that were in no project.
        spent_s: seconds from the first measurement to the last.
    """

    masks: int
    is_better: bool
    reason: str
    unseen: tuple[ComparedPrompt, ...]
    spent_s: float


class EncodedLook:
    """Pictures of a look as objects of a project, each encoded once."""

    def __init__(self, predictor: Predictor, draw: Callable[[int], Picture]) -> None:
        self._predictor = predictor
        self._draw = draw
        self._features: dict[str, Tensor] = {}

    def embed(self, view: str) -> Tensor:
        """Features of a picture, by its number."""
        return self._features[view]

    def make_objects(self, numbers: Sequence[int]) -> list[AcceptedObject]:
        """The objects on these pictures."""
        found = []
        for number in numbers:
            rgb, masks = self._draw(number)
            name = str(number)
            self._features[name] = self._predictor.encode(rgb).features.clone()
            found += [
                AcceptedObject(f"{name}.{k}", name, (ObjectView(name, mask),))
                for k, mask in enumerate(masks)
            ]
        return found

    def measure(
        self, predictor: Predictor, objects: Sequence[AcceptedObject]
    ) -> NDArray[np.float64]:
        """Mean IoU by kind of prompt."""
        ious = [measure(predictor, o, self.embed(o.closest.view)) for o in objects]
        return np.mean(ious, axis=0)


def learn_look(
    predictor: Predictor,
    draw: Callable[[int], Picture],
    *,
    project_images: int = _PROJECT_IMAGES,
    unseen_images: int = _UNSEEN_IMAGES,
    config: DecoderTrainingConfig | None = None,
    on_progress: Callable[[FineTuningProgress], None] = lambda _: None,
) -> Lesson:
    """Learn from a project of a look, and measure what that is worth on other pictures of it."""
    look = EncodedLook(predictor, draw)
    objects = look.make_objects(range(project_images))
    unseen = look.make_objects(range(_FIRST_UNSEEN, _FIRST_UNSEEN + unseen_images))
    started = time.perf_counter()
    learning = FineTuning(predictor, predictor, objects, look.embed, config)
    while not learning.is_over:
        learning.advance()
        on_progress(learning.progress)
    spent_s = time.perf_counter() - started
    comparison = learning.comparison
    in_use = learning.learned if comparison.is_better else predictor
    pairs = zip(PROMPTS, look.measure(predictor, unseen), look.measure(in_use, unseen), strict=True)
    rows = tuple(ComparedPrompt(prompt, float(old), float(new)) for prompt, old, new in pairs)
    return Lesson(len(objects), comparison.is_better, comparison.reason, rows, spent_s)


def main(model: str | None = None) -> None:
    """Learn both looks and print what came of it."""
    predictor, console = load_predictor(model), Console()
    for draw in (draw_cells, draw_shapes):
        name = draw.__name__.removeprefix("draw_")
        with Progress(console=Console(stderr=True), transient=True) as progress:
            lesson = learn_look(predictor, draw, on_progress=partial(_show, progress, name))
        verdict = "used" if lesson.is_better else "not used"
        title = (
            f"{name}, {predictor.spec.name}: {lesson.masks} accepted masks, "
            f"{lesson.spent_s:.0f} s; {verdict}, {lesson.reason}"
        )
        console.print(as_comparison_table(title, lesson.unseen))


def _show(progress: Progress, name: str, found: FineTuningProgress) -> None:
    if not progress.tasks:
        progress.add_task(name)
    row = progress.task_ids[0]
    words = f"{name}, {found.phase.value}"
    progress.update(row, description=words, completed=found.done, total=found.total)


if __name__ == "__main__":
    typer.run(main)
