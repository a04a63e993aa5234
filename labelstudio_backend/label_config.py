"""The project's label config: which image, which brush tag, which labels."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import LabelConfigInvalid, RequestInvalid, UnknownLabel

PROMPT_TAGS = ("keypointlabels", "keypoint", "rectanglelabels", "rectangle")
_EXAMPLE = '<BrushLabels name="tag" toName="image"><Label value="Dog"/></BrushLabels>'
_DOCTYPE = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


@dataclass(frozen=True)
class ControlTag:
    """A tag that annotators draw with.

    Attributes:
        kind: the tag's name in lower case, such as ``brushlabels``.
        name: its ``name``.
        to_names: the image tags it draws on.
        labels: ``alias`` or ``value`` of its labels, as regions carry them.
        has_dynamic_labels: whether more labels come with each task.
        is_smart: whether it asks this service for predictions.
    """

    kind: str
    name: str
    to_names: tuple[str, ...]
    labels: tuple[str, ...]
    has_dynamic_labels: bool
    is_smart: bool

    def accepts(self, labels: Sequence[str]) -> bool:
        """Whether a region of this tag may carry these labels."""
        return self.has_dynamic_labels or set(labels) <= set(self.labels)


@dataclass(frozen=True)
class LabelConfig:
    """A parsed label config.

    Attributes:
        data_keys: name of each image tag → the task field that holds its image.
        brushes: the ``BrushLabels`` tags.
        prompt_tags: the keypoint and rectangle tags.
    """

    data_keys: dict[str, str]
    brushes: tuple[ControlTag, ...]
    prompt_tags: tuple[ControlTag, ...]

    def find_brush(self, labels: Sequence[str], image_name: str) -> ControlTag:
        """The brush tag that draws on an image and knows the labels.

        Raises:
            LabelConfigInvalid: no brush tag draws on this image.
            UnknownLabel: none of them knows the labels.
        """
        brushes = [b for b in self.brushes if image_name in b.to_names]
        if not brushes:
            raise LabelConfigInvalid(
                f"the label config has no BrushLabels tag on the image tag {image_name!r}, so "
                f"there is no place for a mask; add one, for example {_EXAMPLE}"
            )
        for brush in brushes:
            if brush.accepts(labels):
                return brush
        known = "; ".join(
            f"{b.name!r}: {', '.join(map(repr, b.labels)) or 'none'}" for b in brushes
        )
        raise UnknownLabel(
            f"the label {', '.join(map(repr, labels))} does not exist in the brush tag, so a mask "
            f"could not carry it. Labels by brush tag: {known}. Give both tags the same labels"
        )

    def find_drawn_images(self) -> list[str]:
        """The image tags that a brush tag draws on, in the order of the label config."""
        drawn_on = {name for brush in self.brushes for name in brush.to_names}
        return [name for name in self.data_keys if name in drawn_on]

    def find_image_name(self, to_name: str | None) -> str:
        """The image tag a prompt lies on; a prompt that names none means the only one.

        Raises:
            RequestInvalid: there is no such image tag.
        """
        if to_name is None and len(self.data_keys) == 1:
            return next(iter(self.data_keys))
        if to_name not in self.data_keys:
            raise RequestInvalid(
                f"the prompt lies on {to_name!r}, but the label config has the image tags "
                f"{', '.join(map(repr, self.data_keys))}; reload the page if it was just changed"
            )
        return to_name

    def find_problems(self) -> list[str]:
        """What will go wrong when annotators click, one sentence each; empty when nothing will."""
        problems = []
        for tag in self.prompt_tags:
            brushes = [b for b in self.brushes if set(b.to_names) & set(tag.to_names)]
            if not brushes:
                problems.append(f"{tag.name!r} has no BrushLabels tag on its image: no masks")
            missing = [x for x in tag.labels if not any(b.accepts([x]) for b in brushes)]
            if brushes and missing:
                names = ", ".join(map(repr, missing))
                problems.append(f"{tag.name!r} has labels that no brush tag has: {names}")
        if not any(tag.is_smart for tag in self.prompt_tags):
            problems.append(
                'no KeyPointLabels or RectangleLabels tag has smart="true": clicks ask for nothing'
            )
        return problems


def parse_label_config(xml: str | None) -> LabelConfig:
    """Parse a label config.

    Raises:
        LabelConfigInvalid: it is missing, is not XML, declares entities, or has no image tag.
    """
    if not xml or not xml.strip():
        raise LabelConfigInvalid(
            "the request has no label config; save one in the project's settings"
        )
    if _DOCTYPE.search(xml):
        raise LabelConfigInvalid("the label config has a DOCTYPE or an ENTITY; remove it")
    try:
        root = ET.fromstring(xml)  # noqa: S314  entities were refused above
    except ET.ParseError as error:
        raise LabelConfigInvalid(f"the label config is not well-formed XML: {error}") from error
    data_keys = {
        tag.get("name", ""): tag.get("value", "").lstrip("$")
        for tag in root.iter()
        if tag.tag.lower() == "image"
    }
    if not data_keys:
        raise LabelConfigInvalid(
            'the label config has no Image tag; add one, for example <Image name="image" '
            'value="$image"/>'
        )
    controls = [_read_control(tag) for tag in root.iter() if tag.get("toName")]
    return LabelConfig(
        data_keys=data_keys,
        brushes=tuple(c for c in controls if c.kind == "brushlabels"),
        prompt_tags=tuple(c for c in controls if c.kind in PROMPT_TAGS),
    )


def _read_control(tag: ET.Element) -> ControlTag:
    labels = [x.get("alias") or x.get("value") for x in tag.iter() if x.tag.lower() == "label"]
    return ControlTag(
        kind=tag.tag.lower(),
        name=tag.get("name", ""),
        to_names=tuple(name.strip() for name in tag.get("toName", "").split(",")),
        labels=tuple(label for label in labels if label),
        has_dynamic_labels=tag.get("value", "").startswith("$") or bool(tag.get("apiUrl")),
        is_smart=tag.get("smart", "").lower() == "true",
    )
