"""One task, labelled: its prompt before the image is read, its masks once it is encoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core import AutomaticMask, ImageEmbedding, Predictor, segment_everything

from .errors import UnknownLabel
from .label_config import LabelConfig
from .labeled_task import LabeledMask, LabeledTask
from .protocol import ContextRegion, Task
from .regions import (
    Labels,
    ObjectPrompt,
    check_original_size,
    clip_box,
    group_objects,
    read_labels,
)
from .task_prompts import BoxPrompt, PromptSource, find_image_source, find_region_prompts


@dataclass(frozen=True)
class LabelingPlan:
    """What the tasks of a project are labelled with.

    Attributes:
        prompts: where their prompts come from.
        label: of masks that no prompt names; None takes the brush tag's first label.
    """

    prompts: PromptSource
    label: str | None = None


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

    Args:
        predictor: the decoder; encoding is the caller's business.
        config: the project's.
        plan: what its tasks are labelled with.
    """

    def __init__(self, predictor: Predictor, config: LabelConfig, plan: LabelingPlan) -> None:
        self._predictor = predictor
        self._config = config
        self._plan = plan

    def check_plan(self) -> None:
        """Find out, before the first task, whether every task would fail.

        Raises:
            LabelConfigInvalid: no brush tag draws on an image.
            UnknownLabel: the plan's label does not exist in it.
        """
        is_label_needed = self._plan.prompts is PromptSource.EVERYTHING
        labels = self._default_labels() if self._plan.label or is_label_needed else ()
        self._config.find_brush(labels, self._default_image_name())

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
            RequestInvalid, LabelConfigInvalid, PromptInvalid, UnknownLabel: as for a click.
        """
        if self._plan.prompts is PromptSource.REGIONS:
            found = find_region_prompts(task, self._config, self._predictor.model_version)
            return self.prompt_regions(task, *found) if found else None
        if self._plan.prompts is PromptSource.FILE:
            return self._prompt_boxes(task, tuple(boxes)) if boxes else None
        self._config.find_brush(self._default_labels(), self._default_image_name())
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
            RequestInvalid, LabelConfigInvalid, PromptInvalid, UnknownLabel: as for a click.
        """
        for region in regions:
            self._config.find_brush(read_labels(region), image_name)
        return self._make_prompt(task, image_name, PromptSource.REGIONS, regions=tuple(regions))

    def label(self, prompt: TaskPrompt, embedding: ImageEmbedding) -> LabeledTask:
        """Decode a task's masks; drawing them is left to ``LabeledTask.to_prediction``.

        Args:
            prompt: what is asked.
            embedding: its image, encoded by this predictor's model.

        Raises:
            PromptInvalid: its regions were drawn on an image of another size.
            PromptError: a point or a box lies outside the image, or nothing in it is positive.
            ImageError: the embedding belongs to another model.
        """
        if prompt.prompts is PromptSource.EVERYTHING:
            masks = self._decode_everything(embedding)
        else:
            masks = self._decode_objects(self._find_objects(prompt, embedding), embedding)
        return LabeledTask(prompt.image_name, self._config, masks, self._predictor.model_version)

    def _prompt_boxes(self, task: Task, boxes: tuple[BoxPrompt, ...]) -> TaskPrompt:
        image_name = self._default_image_name()
        for box in boxes:
            self._config.find_brush(self._read_box_labels(box), image_name)
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

    def _find_objects(self, prompt: TaskPrompt, embedding: ImageEmbedding) -> list[ObjectPrompt]:
        size_hw = embedding.original_size_hw
        if prompt.prompts is PromptSource.FILE:
            return [
                ObjectPrompt(self._read_box_labels(box), clip_box(box.box_xyxy_px, size_hw))
                for box in prompt.boxes
            ]
        check_original_size(prompt.regions, size_hw)
        return group_objects(prompt.regions, size_hw)

    def _decode_objects(
        self, objects: Sequence[ObjectPrompt], embedding: ImageEmbedding
    ) -> tuple[LabeledMask, ...]:
        answers = self._predictor.decode(embedding, [o.to_prompt() for o in objects])
        # Not `answer.mask`, which is kept: fifty boxes on 12 megapixels would be 600 MB.
        return tuple(
            LabeledMask(o.labels, a.score, partial(a.candidate_mask, a.best))
            for o, a in zip(objects, answers, strict=True)
        )

    def _decode_everything(self, embedding: ImageEmbedding) -> tuple[LabeledMask, ...]:
        labels = self._default_labels()
        found = segment_everything(self._predictor, embedding)
        return tuple(LabeledMask(labels, m.score, partial(_draw, m)) for m in found)

    def _read_box_labels(self, box: BoxPrompt) -> Labels:
        return (box.label,) if box.label is not None else self._default_labels()

    def _default_labels(self) -> Labels:
        """The label of masks that no prompt names."""
        if self._plan.label is not None:
            return (self._plan.label,)
        brush = self._config.find_brush((), self._default_image_name())
        if not brush.labels:
            raise UnknownLabel(
                f"the brush tag {brush.name!r} has no label of its own to give to masks that no "
                "prompt names; say which label they get"
            )
        return brush.labels[:1]

    def _default_image_name(self) -> str:
        """The first image tag that a brush tag draws on: no prompt names another."""
        return next(iter(self._config.find_drawn_images() or self._config.data_keys))


def _draw(found: AutomaticMask) -> NDArray[np.bool_]:
    return found.mask
