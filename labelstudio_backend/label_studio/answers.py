"""What Label Studio's API answers, read as far as it is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from ..errors import LabelStudioError
from ..protocol import Task
from .image_location import describe_url

NOT_LABEL_STUDIO = (
    "is LABEL_STUDIO_URL really a Label Studio, with the right scheme, host, port and path?"
)
_MAX_WORDS = 300
# Label Studio cuts its list of model versions at 500 characters, and takes away up to a quarter of
# them afterwards (quotation marks).
_SURELY_WHOLE_CHARS = 370


@dataclass(frozen=True)
class Project:
    """A project, as far as predictions need it.

    Attributes:
        id: its number.
        key: ``"<id>.<unix time of creation>"``, as the ML protocol names it.
        title: for people.
        label_config: XML.
        task_count: how many tasks it has.
    """

    id: int
    key: str
    title: str
    label_config: str
    task_count: int


@dataclass(frozen=True)
class TaskSummary:
    """A task in a list.

    Attributes:
        id: its number.
        model_versions: of all its predictions.
    """

    id: int
    model_versions: frozenset[str]


@dataclass(frozen=True)
class TaskPage:
    """One page of a list of tasks.

    Attributes:
        tasks: empty past the end.
        total: tasks on all pages.
    """

    tasks: tuple[TaskSummary, ...]
    total: int


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class VersionAnswer(_Answer):
    """Of ``/api/version``."""

    release: str


class UserAnswer(_Answer):
    """Of ``/api/current-user/whoami``."""

    email: str


class ProjectAnswer(_Answer):
    """Of ``/api/projects/<id>``."""

    id: int
    title: str | None = None
    label_config: str | None = None
    created_at: datetime
    task_number: int | None = None

    def to_project(self) -> Project:
        """The project, with the key that Label Studio sends with every click."""
        return Project(
            id=self.id,
            key=f"{self.id}.{int(self.created_at.timestamp())}",
            title=self.title or "",
            label_config=self.label_config or "",
            task_count=self.task_number or 0,
        )


class TaskRow(_Answer):
    """A task of ``/api/tasks``.

    Attributes:
        total_predictions: counted by Label Studio.
        total_annotations: likewise, without those that were cancelled.
        predictions_model_versions: separated by commas; cut; empty unless asked for.
    """

    id: int
    total_predictions: int | None = None
    total_annotations: int | None = None
    predictions_model_versions: str | None = None

    def read_model_versions(self) -> frozenset[str] | None:
        """The model versions of its predictions, None where the list may be cut."""
        text = self.predictions_model_versions or ""
        if len(text) > _SURELY_WHOLE_CHARS:
            return None
        return frozenset(part.strip() for part in text.split(",")) - {""}


class TaskRows(_Answer):
    """A page of ``/api/tasks``."""

    tasks: tuple[TaskRow, ...]
    total: int


class FullTaskRows(_Answer):
    """A page of ``/api/tasks`` with all fields."""

    tasks: tuple[Task, ...]
    total: int


class StoredPrediction(_Answer):
    """A prediction, without its result."""

    id: int
    model_version: str | None = None


class DrawnPrediction(StoredPrediction):
    """A prediction with what it draws.

    Attributes:
        score: of the whole.
        result: its regions as Label Studio keeps them.
    """

    score: float | None = None
    result: tuple[dict[str, Any], ...] = ()


class DrawnAnnotation(_Answer):
    """An annotation with what it draws.

    Attributes:
        was_cancelled: whether the task was skipped with it.
        updated_at: when it was last saved.
        result: its regions as Label Studio keeps them.
    """

    id: int
    was_cancelled: bool = False
    updated_at: datetime | None = None
    result: tuple[dict[str, Any], ...] = ()


class DrawnTask(_Answer):
    """A task with all that was drawn on it, masks included.

    Attributes:
        id: its number.
        data: its fields by name.
        annotations: what annotators submitted.
        predictions: what models said.
    """

    id: int
    data: dict[str, Any] = {}
    annotations: tuple[DrawnAnnotation, ...] = ()
    predictions: tuple[DrawnPrediction, ...] = ()

    def find_accepted(self) -> DrawnAnnotation | None:
        """The annotation that was saved last, of those not cancelled; None where there is none."""
        submitted = (one for one in self.annotations if not one.was_cancelled)
        return max(submitted, key=_age_order, default=None)


def _age_order(annotation: DrawnAnnotation) -> tuple[float, int]:
    saved_at = annotation.updated_at.timestamp() if annotation.updated_at else 0.0
    return saved_at, annotation.id


class DrawnTaskRows(_Answer):
    """A page of ``/api/tasks`` with all fields, and what is drawn as it is."""

    tasks: tuple[DrawnTask, ...]
    total: int


class DrawnPredictions(RootModel[tuple[DrawnPrediction, ...]]):
    """Of ``/api/predictions``, with the regions."""


class StoredPredictions(RootModel[tuple[StoredPrediction, ...]]):
    """Of ``/api/predictions``."""


_AnswerT = TypeVar("_AnswerT", bound=BaseModel)


def read_answer(response: httpx.Response, form: type[_AnswerT]) -> _AnswerT:
    """The answer of a call that went well.

    Raises:
        LabelStudioError: it did not, or the answer is not Label Studio's.
    """
    shown = f"{describe_url(response.url)} answered {response.status_code}"
    if not response.is_success:
        words = read_own_words(response)
        raise LabelStudioError(
            f"{shown}: {words}"
            if words
            else f"{shown}, not as Label Studio does; {NOT_LABEL_STUDIO}"
        )
    try:
        return form.model_validate_json(response.content)
    except ValidationError as error:
        kind = response.headers.get("Content-Type", "no type").partition(";")[0]
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "all of it"
        raise LabelStudioError(
            f"{shown} with {kind:.40} that cannot be read ({place}: {first['msg']}); "
            f"{NOT_LABEL_STUDIO}"
        ) from error


def read_refusal(response: httpx.Response) -> Mapping[str, object]:
    """What Label Studio says of each field that it does not take; empty where it says nothing."""
    errors = _read_object(response).get("validation_errors")
    return errors if isinstance(errors, dict) else {}


def read_own_words(response: httpx.Response) -> str:
    """Label Studio's own explanation of an error, shortened; empty where the answer is not its."""
    answer = _read_object(response)
    parts = [answer.get("detail"), answer.get("validation_errors")]
    words = " ".join(" ".join(str(part).split()) for part in parts if part)
    return words if len(words) <= _MAX_WORDS else words[:_MAX_WORDS] + "…"


def _read_object(response: httpx.Response) -> Mapping[str, object]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
