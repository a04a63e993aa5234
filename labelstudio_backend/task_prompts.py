"""What a task says before anybody clicks: where its image is, and the prompts stored in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from .errors import RequestInvalid
from .label_config import LabelConfig
from .label_items import join_labels
from .name_lists import quote_names
from .protocol import ContextRegion, StoredResult, Task
from .regions import BoxXyxyPx, is_prompt, select_prompt_regions


class PromptSource(str, Enum):
    """Where the prompts of a task come from when nobody clicks."""

    REGIONS = "regions"
    """Rectangles and keypoints stored in the task."""
    EVERYTHING = "everything"
    """None: every mask that the model is sure of."""
    FILE = "file"
    """Boxes of a file that somebody hands in."""


@dataclass(frozen=True)
class BoxPrompt:
    """A box of a file.

    Attributes:
        label: what its mask is called; None leaves it to the plan.
        box_xyxy_px: (x0, y0, x1, y1) in original pixels.
    """

    label: str | None
    box_xyxy_px: BoxXyxyPx


def find_region_prompts(
    task: Task, config: LabelConfig, model_version: str
) -> tuple[str, list[ContextRegion]] | None:
    """The rectangles and keypoints stored in a task: what people drew beats what models said.

    They are those of the newest annotation that holds any and was not cancelled; else of the
    newest such draft; else of the newest such prediction of another model version. Where they lie
    on several images, only those of the first image tag that has any are taken.

    Args:
        task: with what is stored in it.
        config: the project's.
        model_version: whose predictions are not prompts, since they are this service's own.

    Returns:
        Name of the image tag and the regions on it; None when nothing is stored.

    Raises:
        PromptInvalid: the image was turned when they were drawn.
        RequestInvalid: they lie on an image tag that the label config does not have.
    """
    submitted = [a for a in task.annotations if not a.was_cancelled]
    others = [p for p in task.predictions if p.model_version != model_version]
    for results in (submitted, task.drafts, others):
        for result in sorted(results, key=_age_order, reverse=True):
            prompts = [region for region in join_labels(result.result) if is_prompt(region)]
            if prompts:
                return _select_image(prompts, config)
    return None


def find_image_source(task: Task, data_key: str) -> str:
    """What a task says of where its image is: a URL, a path in Label Studio or a ``data:`` URI.

    Args:
        task: as Label Studio sends it.
        data_key: the field that the label config's image tag names.

    Raises:
        RequestInvalid: the field is missing, or holds something else.
    """
    source = task.data.get(data_key)
    if not isinstance(source, str) or not source.strip():
        fields = quote_names(task.data) or "none"
        raise RequestInvalid(
            f"the label config's image is in the task's field {data_key!r}, which holds "
            f"{'no' if source is None else 'something else than an'} image URL; the task has the "
            f"fields: {fields}"
        )
    return source


def _age_order(result: StoredResult) -> tuple[float, int]:
    saved_at = result.updated_at.timestamp() if result.updated_at else 0.0
    return saved_at, result.id or 0


def _select_image(
    prompts: Sequence[ContextRegion], config: LabelConfig
) -> tuple[str, list[ContextRegion]]:
    image_names = [config.find_image_name(prompt.to_name) for prompt in prompts]
    first = next(name for name in config.data_keys if name in image_names)
    on_it = [p for p, name in zip(prompts, image_names, strict=True) if name == first]
    return first, select_prompt_regions(on_it)
