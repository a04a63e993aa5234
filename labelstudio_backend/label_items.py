"""Labels that come as an item of their own, beside the point or box that they belong to.

A ``KeyPoint`` or ``Rectangle`` tag has no labels; where a ``Labels`` tag is beside it, Label Studio
writes two items of one id: the shape, and the same shape as ``labels`` with the labels.
"""

from collections.abc import Sequence
from typing import TypeVar

from .protocol import ContextRegion

R = TypeVar("R", bound=ContextRegion)

_LABELS = "labels"


def join_labels(regions: Sequence[R]) -> list[R]:
    """Give each shape the labels of the ``labels`` item of its id, and leave those items out."""
    labels = {r.id: r.value.labels for r in regions if r.type == _LABELS and r.id is not None}
    return [_label(r, labels.get(r.id or "")) for r in regions if r.type != _LABELS]


def _label(region: R, labels: tuple[str, ...] | None) -> R:
    if labels is None:
        return region
    return region.model_copy(update={"value": region.value.model_copy(update={"labels": labels})})
