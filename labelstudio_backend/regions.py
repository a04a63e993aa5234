"""Label Studio's regions in percent → prompts in original pixels.

An annotator may turn the image by quarters. Label Studio turns the view alone: regions lie in the
frame of the upright image whatever their ``image_rotation`` says.

How regions become objects:

1. each rectangle is one object;
2. a keypoint inside a rectangle of the same labels joins it, the smallest one where they overlap;
3. the other keypoints of the same labels are one object;
4. where those are negative only, they cannot be an object: they join each rectangle of their
   labels, if there is one.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from core import Prompt

from .control_tag import Labels
from .errors import PromptInvalid
from .protocol import ContextRegion
from .rotated_boxes import PointPx, find_corners

logger = logging.getLogger(__name__)

BoxXyxyPx = tuple[float, float, float, float]

_KEYPOINTS = ("keypointlabels", "keypoint")
_RECTANGLES = ("rectanglelabels", "rectangle")


@dataclass(frozen=True)
class Keypoint:
    """A click, in original pixels."""

    x_px: float
    y_px: float
    is_positive: bool
    labels: Labels


@dataclass
class ObjectPrompt:
    """What an annotator asks for about one object, in original pixels.

    Attributes:
        labels: what its region will be called.
        box_xyxy_px: around the object, None when it was only clicked.
        keypoints: on it and beside it.
        corners_px: of a rectangle that is not upright, (x, y) in order; its box is around it.
    """

    labels: Labels
    box_xyxy_px: BoxXyxyPx | None = None
    keypoints: list[Keypoint] = field(default_factory=list)
    corners_px: tuple[PointPx, ...] | None = None

    def to_prompt(self) -> Prompt:
        """The same for the decoder.

        Raises:
            PromptError: nothing in it is positive, or the box has no area.
        """
        return Prompt(
            points=[[k.x_px, k.y_px] for k in self.keypoints],
            labels=[int(k.is_positive) for k in self.keypoints],
            box=self.box_xyxy_px,
        )


def is_prompt(region: ContextRegion) -> bool:
    """Whether a region is a keypoint or a rectangle."""
    return region.type in _KEYPOINTS + _RECTANGLES


def select_prompt_regions(regions: Sequence[ContextRegion]) -> list[ContextRegion]:
    """The keypoints and rectangles among the context's regions.

    Raises:
        PromptInvalid: there is none, or they lie on several images.
    """
    prompts = [r for r in regions if is_prompt(r)]
    for region in regions:
        if not is_prompt(region):
            logger.debug("context region ignored type=%s", region.type)
    if not prompts:
        types = ", ".join(sorted({r.type for r in regions})) or "none"
        raise PromptInvalid(
            "the context holds no keypoint or rectangle to predict from (types in it: "
            f'{types}); use a KeyPointLabels or RectangleLabels tag with smart="true"'
        )
    if len({r.to_name for r in prompts}) > 1:
        names = ", ".join(sorted(str(r.to_name) for r in prompts))
        raise PromptInvalid(f"the prompts lie on several images ({names}); send one at a time")
    for region in prompts:
        if (region.image_rotation or 0) % 90:
            raise PromptInvalid(
                f"the image is turned by {region.image_rotation:g} degrees; Label Studio turns it "
                "by quarters only, so this prompt was made by something else"
            )
    return prompts


def read_labels(region: ContextRegion) -> Labels:
    """The labels that a prompt asks a mask for; none where its tool has none or none was chosen."""
    value = region.value
    return value.keypointlabels or value.rectanglelabels or value.labels or ()


def check_original_size(regions: Sequence[ContextRegion], size_hw: tuple[int, int]) -> None:
    """Check that page and decoder see the same image.

    Raises:
        PromptInvalid: ``original_width`` or ``original_height`` is not the image's.
    """
    height_px, width_px = size_hw
    for region in regions:
        page_px = (region.original_width or width_px, region.original_height or height_px)
        if page_px != (width_px, height_px):
            raise PromptInvalid(
                f"the prompt says the image is {page_px[0]} x {page_px[1]} pixels, but it is "
                f"{width_px} x {height_px}; reload the page, and check that the task's image was "
                "not replaced"
            )


def group_objects(regions: Sequence[ContextRegion], size_hw: tuple[int, int]) -> list[ObjectPrompt]:
    """Group keypoints and rectangles into objects; the rule is in the module's docstring.

    Args:
        regions: what ``select_prompt_regions`` returned.
        size_hw: original (height, width).

    Raises:
        PromptInvalid: a region has no label or no place.
    """
    objects = [_read_rectangle(r, size_hw) for r in regions if r.type in _RECTANGLES]
    rest: dict[Labels, list[Keypoint]] = {}
    for region in regions:
        if region.type in _KEYPOINTS:
            keypoint = _read_keypoint(region, size_hw)
            around = [o for o in objects if o.labels == keypoint.labels and _holds(o, keypoint)]
            if around:
                min(around, key=_area_px).keypoints.append(keypoint)
            else:
                rest.setdefault(keypoint.labels, []).append(keypoint)
    for labels, keypoints in rest.items():
        boxed = [o for o in objects if o.labels == labels]
        if boxed and not any(k.is_positive for k in keypoints):
            for object_prompt in boxed:
                object_prompt.keypoints.extend(keypoints)
        else:
            objects.append(ObjectPrompt(labels, keypoints=keypoints))
    return objects


def clip_box(box_xyxy_px: BoxXyxyPx, size_hw: tuple[int, int]) -> BoxXyxyPx:
    """The part of a box that lies on the image; a box beside the image as it is.

    Args:
        box_xyxy_px: two opposite corners, original pixels.
        size_hw: original (height, width).
    """
    height_px, width_px = size_hw
    x0, x1 = sorted(box_xyxy_px[::2])
    y0, y1 = sorted(box_xyxy_px[1::2])
    if x0 < width_px and x1 > 0 and y0 < height_px and y1 > 0:
        x0, x1 = max(x0, 0.0), min(x1, float(width_px))
        y0, y1 = max(y0, 0.0), min(y1, float(height_px))
    return x0, y0, x1, y1


def _read_keypoint(region: ContextRegion, size_hw: tuple[int, int]) -> Keypoint:
    if region.value.x is None or region.value.y is None:
        raise PromptInvalid(f"the {region.type} prompt has no x or no y")
    return Keypoint(
        x_px=region.value.x / 100 * size_hw[1],
        y_px=region.value.y / 100 * size_hw[0],
        is_positive=region.is_positive is not False,
        labels=read_labels(region),
    )


def _read_rectangle(region: ContextRegion, size_hw: tuple[int, int]) -> ObjectPrompt:
    """A rectangle that may be rotated: its bounding box within the image, and its corners."""
    value = region.value
    if value.x is None or value.y is None or value.width is None or value.height is None:
        raise PromptInvalid(f"the {region.type} prompt lacks one of x, y, width, height")
    xywh_percent = (value.x, value.y, value.width, value.height)
    corners = find_corners(xywh_percent, value.rotation or 0, size_hw)
    xs, ys = zip(*corners, strict=True)
    return ObjectPrompt(
        read_labels(region),
        clip_box((min(xs), min(ys), max(xs), max(ys)), size_hw),
        corners_px=corners if (value.rotation or 0) % 90 else None,
    )


def _holds(object_prompt: ObjectPrompt, keypoint: Keypoint) -> bool:
    x0, y0, x1, y1 = _box_of(object_prompt)
    return x0 <= keypoint.x_px <= x1 and y0 <= keypoint.y_px <= y1


def _area_px(object_prompt: ObjectPrompt) -> float:
    x0, y0, x1, y1 = _box_of(object_prompt)
    return (x1 - x0) * (y1 - y0)


def _box_of(rectangle: ObjectPrompt) -> BoxXyxyPx:
    return rectangle.box_xyxy_px or (0, 0, 0, 0)  # what came from a rectangle has one
