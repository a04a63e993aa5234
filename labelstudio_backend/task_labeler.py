"""One task, labelled: its prompt before the image is read, its masks once it is encoded."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core import (
    AutomaticMask,
    EmbedImage,
    EmbedTile,
    ImageEmbedding,
    Look,
    PlacedPrediction,
    Predictor,
    look_closely,
    run_look,
    segment_everything,
)

from .control_tag import Labels
from .errors import UnknownLabel
from .label_config import LabelConfig
from .labeled_task import Draw, LabeledMask, LabeledTask
from .name_lists import quote_names
from .outputs import OutputTag
from .protocol import ContextRegion, Task
from .regions import (
    ObjectPrompt,
    check_original_size,
    clip_box,
    group_objects,
    read_labels,
)
from .rotated_boxes import fill_polygon
from .task_prompts import BoxPrompt, PromptSource, find_image_source, find_region_prompts

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelingPlan:
    """What the tasks of a project are labelled with.

    Attributes:
        prompts: where their prompts come from.
        label: of masks that no prompt names; None takes the output tag's first label.
        has_tiles: whether what is small in an image is looked at in a tile of it.
    """

    prompts: PromptSource
    label: str | None = None
    has_tiles: bool = True


@dataclass(frozen=True)
class TaskPrompt:
    """What is asked about one task, checked as far as that goes without its image.

    Attributes:
        task: the task.
        source: where its image is, as the task says it.
        image_name: the image tag that the masks lie on.
        prompts: which of the next two counts; neither for ``EVERYTHING``.
        regions: keypoints and rectangles, in percent.
        boxes: boxes of a file, in original pixels.
    """

    task: Task
    source: str
    image_name: str
    prompts: PromptSource
    regions: tuple[ContextRegion, ...] = ()
    boxes: tuple[BoxPrompt, ...] = ()


class TaskLabeler:
    """Labels the tasks of one project. Safe between threads.

    Attributes:
        predictor: the decoder.

    Args:
        predictor: the decoder; encoding is the caller's business.
        config: the project's.
        plan: what its tasks are labelled with.
    """

    def __init__(self, predictor: Predictor, config: LabelConfig, plan: LabelingPlan) -> None:
        self.predictor = predictor
        self._config = config
        self._plan = plan

    def check_plan(self) -> None:
        """Find out, before the first task, whether every task would fail.

        Raises:
            LabelConfigInvalid: no tag that holds masks draws on an image.
            UnknownLabel: that tag does not have the plan's label.
        """
        if self._plan.label or self._plan.prompts is PromptSource.EVERYTHING:
            self._default_labels()
        self._config.find_output_tag((), self._default_image_name())

    def find_prompt(
        self, task: Task, boxes: Sequence[BoxPrompt] | None = None
    ) -> TaskPrompt | None:
        """What there is to predict from in a task.

        Args:
            task: with what is stored in it.
            boxes: its boxes in the file; read for ``PromptSource.FILE`` alone.

        Returns:
            The prompt; None when there is nothing to predict from.

        Raises:
            RequestInvalid, LabelConfigInvalid, PromptInvalid: as for a click.
            UnknownLabel: masks that no prompt names cannot have the plan's label.
        """
        if self._plan.prompts is PromptSource.REGIONS:
            found = find_region_prompts(task, self._config, self.predictor.model_version)
            return self.prompt_regions(task, *found) if found else None
        if self._plan.prompts is PromptSource.FILE:
            return self._prompt_boxes(task, tuple(boxes)) if boxes else None
        self._default_labels()
        return self._make_prompt(task, self._default_image_name(), PromptSource.EVERYTHING)

    def prompt_regions(
        self, task: Task, image_name: str, regions: Sequence[ContextRegion]
    ) -> TaskPrompt:
        """Ask about regions that somebody drew, wherever they come from.

        Args:
            task: whose image they lie on.
            image_name: the image tag they lie on.
            regions: what ``select_prompt_regions`` returned.

        Raises:
            RequestInvalid, LabelConfigInvalid: no mask could be written.
        """
        for labels in dict.fromkeys(read_labels(region) for region in regions):
            self._check_labels(labels, image_name, task)
        return self._make_prompt(task, image_name, PromptSource.REGIONS, regions=tuple(regions))

    def label(
        self,
        prompt: TaskPrompt,
        size_hw: tuple[int, int],
        embed_image: EmbedImage,
        embed_tile: EmbedTile,
    ) -> LabeledTask:
        """Decode a task's masks; drawing them is left to ``LabeledTask.to_prediction``.

        Args:
            prompt: what is asked.
            size_hw: (height, width) of its image.
            embed_image: encodes it; not called where tiles answer everything.
            embed_tile: encodes a part of it; not called where the plan has no tiles.

        Raises:
            PromptInvalid: its regions were drawn on an image of another size.
            PromptError: a point or a box lies outside the image, or nothing in it is positive.
            ImageError: the embedding belongs to another model.
        """
        if prompt.prompts is PromptSource.EVERYTHING:
            return self.label_everything(prompt, embed_image())
        return run_look(self.look(prompt, size_hw), self.predictor, embed_image, embed_tile)

    def look(self, prompt: TaskPrompt, size_hw: tuple[int, int]) -> Look[LabeledTask]:
        """Decode the masks that a task's regions or boxes ask for; as ``label`` otherwise.

        Args:
            prompt: what is asked, which is not ``EVERYTHING``.
            size_hw: (height, width) of its image.

        Returns:
            A look, for ``run_looks`` with those of other tasks.
        """
        objects = self._find_objects(prompt, size_hw)
        answers = yield from look_closely(
            self.predictor.architecture,
            size_hw,
            [o.to_prompt() for o in objects],
            self._plan.has_tiles,
        )
        masks = tuple(
            self._label(o.labels, prompt, a.score, self._make_draw(o, a))
            for o, a in zip(objects, answers, strict=True)
        )
        return self._make_labeled(prompt, masks)

    def label_everything(self, prompt: TaskPrompt, embedding: ImageEmbedding) -> LabeledTask:
        """Decode the masks of whatever is in a task's image.

        Args:
            prompt: of ``EVERYTHING``.
            embedding: of the whole image.

        Raises:
            ImageError: the embedding belongs to another model.
        """
        labels = self._default_labels()
        found = segment_everything(self.predictor, embedding)
        masks = tuple(self._label(labels, prompt, m.score, partial(_draw, m)) for m in found)
        return self._make_labeled(prompt, masks)

    def _prompt_boxes(self, task: Task, boxes: tuple[BoxPrompt, ...]) -> TaskPrompt:
        image_name = self._default_image_name()
        for labels in dict.fromkeys(self._read_box_labels(box) for box in boxes):
            self._check_labels(labels, image_name, task)
        return self._make_prompt(task, image_name, PromptSource.FILE, boxes=boxes)

    def _make_prompt(
        self,
        task: Task,
        image_name: str,
        prompts: PromptSource,
        regions: tuple[ContextRegion, ...] = (),
        boxes: tuple[BoxPrompt, ...] = (),
    ) -> TaskPrompt:
        source = find_image_source(task, self._config.data_keys[image_name])
        return TaskPrompt(task, source, image_name, prompts, regions, boxes)

    def _find_objects(self, prompt: TaskPrompt, size_hw: tuple[int, int]) -> list[ObjectPrompt]:
        if prompt.prompts is PromptSource.FILE:
            return [
                ObjectPrompt(self._read_box_labels(box), clip_box(box.box_xyxy_px, size_hw))
                for box in prompt.boxes
            ]
        check_original_size(prompt.regions, size_hw)
        return group_objects(prompt.regions, size_hw)

    def _make_draw(self, asked: ObjectPrompt, answer: PlacedPrediction) -> Draw:
        """A model that keeps to the box keeps to a rotated one too."""
        if asked.corners_px is None or not self.predictor.spec.is_bounded_by_box:
            return answer.draw
        corners_px = asked.corners_px
        return lambda: answer.draw() & fill_polygon(corners_px, answer.size_hw)

    def _make_labeled(self, prompt: TaskPrompt, masks: tuple[LabeledMask, ...]) -> LabeledTask:
        rotation = prompt.regions[0].image_rotation if prompt.regions else None
        version = self.predictor.model_version
        return LabeledTask(prompt.task.id, masks, version, int(rotation or 0))

    def _label(
        self,
        labels: Labels,
        prompt: TaskPrompt,
        score: float,
        draw: Draw,
    ) -> LabeledMask:
        output = self._config.find_output_tag(labels, prompt.image_name)
        return LabeledMask(output, output.find_labels(labels), score, draw)

    def _check_labels(self, labels: Labels, image_name: str, task: Task) -> None:
        """Find the place of a prompt's mask before the image is read, and say what it will lack."""
        output = self._config.find_output_tag(labels, image_name)
        missing = output.find_missing(labels)
        if missing:
            logger.warning(
                "mask without label task=%.40r label=%.200s tag=%r: %s; the region is drawn, and "
                "can be given a label by hand",
                task.id,
                quote_names(missing),
                output.name,
                _advise(output),
            )

    def _read_box_labels(self, box: BoxPrompt) -> Labels:
        return (box.label,) if box.label is not None else self._default_labels()

    def _default_labels(self) -> Labels:
        """The label of masks that no prompt names; none where masks carry no labels.

        Raises:
            LabelConfigInvalid: no tag that holds masks draws on the image.
            UnknownLabel: the tag does not have the plan's label, or has none to take.
        """
        asked = (self._plan.label,) if self._plan.label is not None else ()
        output = self._config.find_output_tag(asked, self._default_image_name())
        if output.find_missing(asked):
            raise UnknownLabel(
                f"the label {self._plan.label!r} does not exist in the tag that masks are written "
                f"with; {_advise(output)}"
            )
        if output.label_tag is not None and not (asked or output.labels):
            raise UnknownLabel(
                f"the tag {output.label_tag.name!r} has no label of its own to give to masks that "
                "no prompt names; say which label they get"
            )
        return asked or output.labels[:1]

    def _default_image_name(self) -> str:
        """The first image tag that masks can be written on: no prompt names another."""
        return next(iter(self._config.find_drawn_images() or self._config.data_keys))


def _advise(output: OutputTag) -> str:
    label_tag = output.label_tag or output.tag
    labels = quote_names(label_tag.labels) or "none"
    return (
        f"the labels of {label_tag.name!r} are: {labels}. Add the missing one there, or name it in "
        "the predicted_values of a label that is there"
    )


def _draw(found: AutomaticMask) -> NDArray[np.bool_]:
    return found.mask
