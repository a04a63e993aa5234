"""Label Studio's requests, as far as they are read; unknown fields are skipped, not refused.

A call fails over what it asks for, never over what lies stored in a task: regions of any kind, made
by anybody, come along with it. Masks among them are long, so nothing here hands them to Python.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    OnErrorOmit,
    SecretStr,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

Percent = FiniteFloat
"""Percent of the image's width for x and widths, of its height for y and heights."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class RegionValue(_Message):
    """What a region says of itself; which fields are set depends on its type.

    Attributes:
        x: of a keypoint, or of a rectangle's top-left corner before it is rotated.
        y: likewise.
        width: of a rectangle; of a keypoint, the size of its dot, which says nothing.
        height: of a rectangle.
        rotation: degrees, clockwise around the top-left corner.
        labels: the labels of any kind of region.
        keypointlabels: the labels of a keypoint.
        rectanglelabels: the labels of a rectangle.
    """

    x: Percent | None = None
    y: Percent | None = None
    width: Percent | None = None
    height: Percent | None = None
    rotation: FiniteFloat | None = None
    labels: tuple[str, ...] | None = None
    keypointlabels: tuple[str, ...] | None = None
    rectanglelabels: tuple[str, ...] | None = None


class ContextRegion(_Message):
    """A region that the annotator has just drawn with a smart tool.

    Attributes:
        type: such as ``keypointlabels``.
        id: the same for the items of one region.
        to_name: name of the image tag it lies on.
        original_width: the image's width as the page sees it, pixels.
        original_height: likewise.
        image_rotation: degrees that the annotator has turned the image by.
        is_positive: missing means an ordinary keypoint, which is positive.
        value: where it is and what it is called.
    """

    type: str
    id: str | None = None
    to_name: str | None = None
    original_width: Annotated[int, Field(gt=0)] | None = None
    original_height: Annotated[int, Field(gt=0)] | None = None
    image_rotation: FiniteFloat | None = None
    is_positive: bool | None = None
    value: RegionValue = RegionValue()


class PredictContext(_Message):
    """What an interactive call carries: the pending smart regions, oldest first."""

    result: tuple[ContextRegion, ...] | None = None


class PredictParams(_Message):
    """The part of ``/predict`` that tells a click from a batch."""

    context: PredictContext | None = None


@dataclass(frozen=True)
class _Unreadable:
    """Takes the place of a stored value that is not of the declared type.

    A validator function would do the same, but it would be handed each mask as a Python list.
    """

    instead: object = None

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        inner = handler(source)
        return core_schema.with_default_schema(inner, default=self.instead, on_error="default")

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"description": "Anything else reads as missing."}


class StoredRegion(ContextRegion):
    """A region that lies in a task, of whatever kind; what is malformed in it reads as missing."""

    id: Annotated[str | None, _Unreadable()] = None
    to_name: Annotated[str | None, _Unreadable()] = None
    original_width: Annotated[int | None, Field(gt=0), _Unreadable()] = None
    original_height: Annotated[int | None, Field(gt=0), _Unreadable()] = None
    image_rotation: Annotated[FiniteFloat | None, _Unreadable()] = None
    is_positive: Annotated[bool | None, _Unreadable()] = None
    value: Annotated[RegionValue, _Unreadable(RegionValue())] = RegionValue()


class StoredResult(_Message):
    """An annotation, a draft or a prediction of a task, without the masks in it.

    Attributes:
        id: unique among those of its kind at one time.
        result: its regions; what has no type is left out.
        model_version: of a prediction, what made it.
        was_cancelled: of an annotation, whether the task was skipped with it.
        updated_at: when it was last saved.
    """

    id: Annotated[int | None, _Unreadable()] = None
    result: Annotated[tuple[OnErrorOmit[StoredRegion], ...], _Unreadable(())] = ()
    model_version: Annotated[str | None, _Unreadable()] = None
    was_cancelled: Annotated[bool, _Unreadable(False)] = False
    updated_at: Annotated[AwareDatetime | None, _Unreadable()] = None


_StoredResults = Annotated[tuple[OnErrorOmit[StoredResult], ...], _Unreadable(())]


class Task(_Message):
    """A task, in a call of Label Studio's or as its API answers it.

    Attributes:
        id: not unique over time: never part of a key.
        data: the task's fields by name.
        annotations: what annotators submitted; where the API answers ids alone, none.
        drafts: what they have not submitted yet; not sent with "Retrieve predictions".
        predictions: what models said.
    """

    id: int | str | None = None
    # What people wrote, and signed URLs: not for whoever prints a task.
    data: dict[str, object] = Field({}, repr=False)
    annotations: _StoredResults = Field((), repr=False)
    drafts: _StoredResults = Field((), repr=False)
    predictions: _StoredResults = Field((), repr=False)


def _project_key(value: object) -> object:
    return str(value) if isinstance(value, int | float) else value


ProjectKey = Annotated[
    str, BeforeValidator(_project_key), WithJsonSchema({"type": ["string", "number"]})
]
"""``"<id>.<unix time of creation>"``; the time tells apart projects that share a reused id."""


class PredictRequest(_Message):
    """Body of ``POST /predict``."""

    tasks: tuple[Task, ...]
    project: ProjectKey | None = None
    label_config: str | None = None
    params: PredictParams | None = None

    @property
    def context(self) -> PredictContext | None:
        """The context of an interactive call, None for a batch."""
        context = self.params.context if self.params else None
        return context if context and context.result is not None else None


class SetupRequest(_Message):
    """Body of ``POST /setup``."""

    project: ProjectKey
    label_config: str | None = Field(None, alias="schema")
    hostname: str | None = None
    access_token: SecretStr | None = None


class ValidateRequest(_Message):
    """Body of ``POST /validate``."""

    label_config: str = Field(alias="config")


class WebhookProject(_Message):
    """The project a webhook event happened in."""

    id: int | str | None = None
    label_config: str | None = None


class WebhookEvent(_Message):
    """Body of ``POST /webhook``."""

    action: str
    tasks: tuple[Task, ...] = ()
    project: WebhookProject | None = None
