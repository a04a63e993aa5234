"""What the page asks and is answered."""

from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from ..outputs import Region

_MAX_POINTS = 200


class MaskRequest(BaseModel):
    """Body of ``POST /play/masks``: one object on an image that was sent before.

    Attributes:
        image: its SHA-256, as ``POST /play/images`` answered it.
        points: (x, y) in original pixels.
        labels: one a point, 1 inside the object and 0 outside.
        box: x0, y0, x1, y1 in original pixels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    image: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    points: Annotated[tuple[tuple[FiniteFloat, FiniteFloat], ...], Field(max_length=_MAX_POINTS)]
    labels: tuple[Literal[0, 1], ...]
    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None


class ImageAnswer(TypedDict):
    """Answer of ``POST /play/images``: the image is encoded.

    Attributes:
        image: its SHA-256; what clicks on it name.
        width_px: as a browser shows it.
        height_px: likewise.
        times_ms: milliseconds by stage.
    """

    image: str
    width_px: int
    height_px: int
    times_ms: dict[str, float]


class Candidate(TypedDict):
    """One of the masks that the model chose from.

    Attributes:
        score: its predicted IoU, from 0 to 1.
        area_px: pixels in it.
        region: as Label Studio draws it; None when the mask is empty.
    """

    score: float
    area_px: int
    region: Region | None


class MaskAnswer(TypedDict):
    """Answer of ``POST /play/masks``.

    Attributes:
        model_version: what predicted the masks.
        candidates: the masks that the model chose from.
        best: which of them is the answer.
        times_ms: milliseconds by stage.
    """

    model_version: str
    candidates: list[Candidate]
    best: int
    times_ms: dict[str, float]
