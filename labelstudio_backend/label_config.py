"""The project's label config: which images, which tags masks go to, which labels."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from .control_tag import ControlTag, read_control
from .errors import LabelConfigInvalid, RequestInvalid
from .name_lists import quote_names
from .outputs import OutputTag, choose_output_tag, find_output_tags

PROMPT_TAGS = ("keypointlabels", "keypoint", "rectanglelabels", "rectangle")
MAX_CHARS = 2_000_000
"""Of a label config; ten thousand labels in each of three tags are 700,000."""

MAX_TAGS = 200
"""Images and tools of a label config, of which each may have as many labels as it likes."""

_EXAMPLE = '<BrushLabels name="tag" toName="image"><Label value="Dog"/></BrushLabels>'
_DOCTYPE = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


@dataclass(frozen=True)
class LabelConfig:
    """A parsed label config.

    Attributes:
        data_keys: name of each image tag → the task field that holds its image.
        controls: the tags that annotators draw with or choose labels from, in its order.
    """

    data_keys: dict[str, str]
    controls: tuple[ControlTag, ...]

    @property
    def prompt_tags(self) -> tuple[ControlTag, ...]:
        """The keypoint and rectangle tags."""
        return tuple(c for c in self.controls if c.kind in PROMPT_TAGS)

    @property
    def output_tags(self) -> tuple[OutputTag, ...]:
        """The tags that masks may be written with, of all images; best first on each."""
        return tuple(t for name in self.data_keys for t in find_output_tags(self.controls, name))

    def find_output_tag(self, labels: Sequence[str], image_name: str) -> OutputTag:
        """The tag that a mask on an image is written with; the rule is in ``output_tag``.

        Args:
            labels: of the prompt; the tag need not have them.
            image_name: the image tag that the mask lies on.

        Raises:
            LabelConfigInvalid: no tag on this image holds masks, or one is malformed.
        """
        tags = find_output_tags(self.controls, image_name)
        if not tags:
            raise LabelConfigInvalid(
                "the label config has no BrushLabels tag, and no other that holds masks, on the "
                f"image tag {image_name!r}; add one, for example {_EXAMPLE}"
            )
        problems = [problem for tag in tags for problem in tag.problems]
        if problems:
            raise LabelConfigInvalid("; ".join(problems))
        return choose_output_tag(tags, labels)

    def find_drawn_images(self) -> list[str]:
        """The image tags that masks can be written on, in the order of the label config."""
        drawn_on = {tag.image_name for tag in self.output_tags}
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
                f"{quote_names(self.data_keys)}; reload the page if it was just changed"
            )
        return to_name

    def find_problems(self) -> list[str]:
        """What will go wrong when annotators click, one sentence each; empty when nothing will."""
        problems = [problem for tag in self.controls for problem in tag.problems]
        on_image = {name: find_output_tags(self.controls, name) for name in self.data_keys}
        for tag in self.prompt_tags:
            places = [t for name in tag.to_names for t in on_image.get(name, ())]
            problems += _find_problems_of(tag, places)
        if not any(tag.is_smart for tag in self.prompt_tags):
            problems.append(
                'no KeyPointLabels or RectangleLabels tag has smart="true": clicks ask for nothing'
            )
        return problems


def _find_problems_of(prompt_tag: ControlTag, places: Sequence[OutputTag]) -> list[str]:
    if not places:
        return [f"{prompt_tag.name!r} has no BrushLabels tag on its image: masks have no place"]
    missing = prompt_tag.labels
    for place in places:
        missing = place.find_missing(missing)
    if not missing:
        return []
    names = quote_names(place.name for place in places)
    return [
        f"{prompt_tag.name!r} has labels that {names} lacks: {quote_names(missing)}; "
        "their masks come without a label. Add them there, or name them in the "
        "predicted_values of a label that is there"
    ]


def parse_label_config(xml: str | None) -> LabelConfig:
    """Parse a label config.

    Raises:
        LabelConfigInvalid: it is missing, too large, no XML, declares entities, or has no image.
    """
    if not xml or not xml.strip():
        raise LabelConfigInvalid(
            "the request has no label config; save one in the project's settings"
        )
    if len(xml) > MAX_CHARS:
        raise LabelConfigInvalid(
            f"the label config has {len(xml):,} characters, the limit is {MAX_CHARS:,}"
        )
    if _DOCTYPE.search(xml):
        raise LabelConfigInvalid("the label config has a DOCTYPE or an ENTITY; remove it")
    try:
        root = ET.fromstring(xml)  # noqa: S314  entities were refused above
    except (ET.ParseError, UnicodeError) as error:
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
    tags = [tag for tag in root.iter() if tag.get("toName")]
    if len(tags) + len(data_keys) > MAX_TAGS:
        raise LabelConfigInvalid(
            f"the label config has {len(tags) + len(data_keys):,} images and tools, the limit is "
            f"{MAX_TAGS}"
        )
    controls = tuple(map(read_control, tags))
    return LabelConfig(data_keys=data_keys, controls=controls)
