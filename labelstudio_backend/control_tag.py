"""A control tag of the label config: what it draws, on which images, with which labels."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

Labels = tuple[str, ...]

_YES = ("true", "1", "yes")
_NO = ("false", "0", "no", "")


@dataclass(frozen=True)
class ControlTag:
    """A tag that annotators draw with, or choose labels from.

    Attributes:
        kind: the tag's name in lower case, such as ``brushlabels``.
        name: its ``name``.
        to_names: the image tags it draws on.
        labels: ``alias`` or ``value`` of its labels, as regions carry them.
        predicted_values: (what a model calls it, one of ``labels``), from the labels'
            ``predicted_values``.
        has_dynamic_labels: whether more labels come with each task.
        is_smart: whether it asks this service for predictions.
        is_skipped: whether masks must not be written with it (``model_skip``).
        score_threshold: masks of a lower score are left out (``model_score_threshold``); 0 to 1.
        problems: what is malformed in these attributes, one sentence each.
    """

    kind: str
    name: str
    to_names: tuple[str, ...]
    labels: Labels
    predicted_values: tuple[tuple[str, str], ...]
    has_dynamic_labels: bool
    is_smart: bool
    is_skipped: bool
    score_threshold: float
    problems: tuple[str, ...]

    def find_label(self, label: str) -> str | None:
        """What this tag calls a label of another tag, a model or a file; None when it has no name.

        The same name wins; then ``predicted_values``; then a name that differs in case and outer
        space only. ``predicted_values`` too are compared without case and outer space.
        """
        if self.has_dynamic_labels or label in self._own_names:
            return label
        return self._other_names.get(_fold(label))

    @cached_property
    def _own_names(self) -> frozenset[str]:
        return frozenset(self.labels)

    @cached_property
    def _other_names(self) -> dict[str, str]:
        """What is said instead of a label → the label; the first of two that say the same."""
        pairs = (*self.predicted_values, *((name, name) for name in self.labels))
        return {_fold(said): name for said, name in reversed(pairs)}

    def find_labels(self, labels: Sequence[str]) -> Labels:
        """What this tag calls the labels, each once, without those that it does not have."""
        found = (self.find_label(label) for label in labels)
        return tuple(dict.fromkeys(label for label in found if label is not None))


def read_control(tag: ET.Element) -> ControlTag:
    """Read a control tag; what is malformed in it becomes one of its ``problems``."""
    labels = [(x, x.get("alias") or x.get("value")) for x in tag.iter() if x.tag.lower() == "label"]
    problems: list[str] = []
    return ControlTag(
        kind=tag.tag.lower(),
        name=tag.get("name", ""),
        to_names=tuple(name.strip() for name in tag.get("toName", "").split(",")),
        labels=tuple(name for _, name in labels if name),
        predicted_values=tuple(
            (predicted, name)
            for label, name in labels
            for predicted in label.get("predicted_values", "").split(",")
            if name and predicted.strip()
        ),
        has_dynamic_labels=tag.get("value", "").startswith("$") or bool(tag.get("apiUrl")),
        is_smart=tag.get("smart", "").lower() == "true",
        is_skipped=_read_skip(tag, problems),
        score_threshold=_read_score_threshold(tag, problems),
        problems=tuple(problems),
    )


def _fold(label: str) -> str:
    return label.strip().casefold()


def _read_skip(tag: ET.Element, problems: list[str]) -> bool:
    text = tag.get("model_skip", "").strip().lower()
    if text not in _YES + _NO:
        problems.append(f"{tag.get('name')!r} has model_skip={text!r:.40}; write true or false")
    return text in _YES


def _read_score_threshold(tag: ET.Element, problems: list[str]) -> float:
    text = tag.get("model_score_threshold", "0")
    try:
        threshold = float(text)
    except ValueError:
        threshold = -1.0
    if not 0 <= threshold <= 1:
        problems.append(
            f"{tag.get('name')!r} has model_score_threshold={text!r:.40}; write a number from 0 to "
            "1, such as 0.5"
        )
        return 0.0
    return threshold
