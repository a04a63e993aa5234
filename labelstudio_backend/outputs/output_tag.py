"""Which tag of the label config a mask is written with.

Of the tags on an image, the first kind of ``PREFERENCE`` that is there counts: masks as they are
before outlines of them, tags with labels of their own before a tag beside a ``Labels`` tag, and
rectangles only where nothing else is, since they are what annotators prompt with. Of several tags
that hold masks, the first that knows the prompt's labels is taken; when none does, the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..control_tag import ControlTag, Labels

MASK_KINDS = ("brushlabels", "bitmasklabels", "polygonlabels", "brush", "bitmask", "polygon")
BOX_KINDS = ("rectanglelabels", "rectangle")
PREFERENCE = MASK_KINDS + BOX_KINDS
"""Kinds of tags that masks are written with, best first."""

_LABELS = "labels"


@dataclass(frozen=True)
class OutputTag:
    """A place for masks.

    Attributes:
        image_name: the image tag it draws on.
        tag: the tag that draws, of a kind of ``PREFERENCE``.
        label_tag: the tag whose labels its regions carry: the same one, a ``Labels`` tag on the
            same image, or None where regions have no labels.
    """

    image_name: str
    tag: ControlTag
    label_tag: ControlTag | None

    @property
    def name(self) -> str:
        """The name of the tag that draws."""
        return self.tag.name

    @property
    def shape(self) -> str:
        """``brush``, ``bitmask``, ``polygon`` or ``rectangle``."""
        return self.tag.kind.removesuffix(_LABELS)

    @property
    def labels(self) -> Labels:
        """The labels that its regions may carry, as far as the label config names them."""
        return self.label_tag.labels if self.label_tag else ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is malformed in its attributes, one sentence each."""
        return self.tag.problems

    def find_labels(self, labels: Sequence[str]) -> Labels:
        """What it calls these labels, without those that it does not have."""
        return self.label_tag.find_labels(labels) if self.label_tag else ()

    def find_missing(self, labels: Sequence[str]) -> Labels:
        """Those of these labels that its regions cannot carry; none where they carry no labels."""
        if self.label_tag is None:
            return ()
        return tuple(label for label in labels if self.label_tag.find_label(label) is None)


def find_output_tags(controls: Sequence[ControlTag], image_name: str) -> tuple[OutputTag, ...]:
    """The tags that masks on an image may be written with, best first.

    Args:
        controls: all control tags, in the order of the label config.
        image_name: the image tag.

    Returns:
        Those of the masks' kinds; else those of the boxes' kinds; tags with ``model_skip`` are
        never among them.
    """
    on_it = [c for c in controls if image_name in c.to_names and not c.is_skipped]
    label_tag = next((c for c in on_it if c.kind == _LABELS), None)
    for kinds in (MASK_KINDS, BOX_KINDS):
        tags = sorted((c for c in on_it if c.kind in kinds), key=lambda c: kinds.index(c.kind))
        if tags:
            return tuple(
                OutputTag(image_name, tag, tag if tag.kind.endswith(_LABELS) else label_tag)
                for tag in tags
            )
    return ()


def choose_output_tag(tags: Sequence[OutputTag], labels: Sequence[str]) -> OutputTag:
    """The first tag that knows all these labels, else the first.

    Args:
        tags: at least one, best first.
        labels: of a prompt.
    """
    return next((tag for tag in tags if not tag.find_missing(labels)), tags[0])
