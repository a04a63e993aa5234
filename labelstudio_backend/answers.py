"""What the service answers, as ``/openapi.json`` describes it.

Answers are written without these models, since masks are long; tests hold answers against them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """Nothing is in an answer that is not written down here."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class ErrorAnswer(Answer):
    """Anything that is no success.

    Attributes:
        error: stable name for programs.
        detail: what, the value, and what to do; for people.
    """

    error: str
    detail: str


class HealthAnswer(Answer):
    """Of ``/health``."""

    status: Literal["UP"]
    model_class: str
    model_version: str


class ReadyPart(Answer):
    """A part that is there, or why not."""

    is_ready: bool
    detail: str | None


class NeededPart(ReadyPart):
    """A part that clicks may do without."""

    is_required: bool


class Workers(NeededPart):
    """Those that are alive and have this model."""

    count: Count


class ReadyAnswer(Answer):
    """Of ``/ready``.

    Attributes:
        is_ready: whether a click on any image is answered.
        encoder: who encodes an image that is clicked on now.
    """

    is_ready: bool
    encoder: Literal["workers", "this process", "nobody"]
    model: ReadyPart
    redis: NeededPart
    workers: Workers


class VersionsAnswer(Answer):
    """Of ``/versions``."""

    versions: tuple[str, ...]


class SetupAnswer(Answer):
    """Of ``/setup``."""

    model_version: str


class ValidateAnswer(Answer):
    """Of ``/validate``.

    Attributes:
        is_valid: whether there are no problems.
        problems: one sentence each.
    """

    is_valid: bool
    problems: tuple[str, ...]


class WebhookAnswer(Answer):
    """Of ``/webhook``."""

    status: Literal["ok"]


class PredictionAnswer(Answer):
    """A prediction of one task.

    Attributes:
        result: Label Studio's regions.
        score: the mean of its masks'.
        model_version: what predicted it.
    """

    result: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    score: Annotated[float, Field(ge=0, le=1)]
    model_version: str


class PredictAnswer(Answer):
    """Of ``/predict``.

    Attributes:
        results: one entry a task, in order, an empty list where there is no prediction; nothing at
            all when the tasks are done in the background.
    """

    results: tuple[
        PredictionAnswer | Annotated[tuple[PredictionAnswer, ...], Field(max_length=0)], ...
    ]


class LearningAnswer(Answer):
    """How far a decoder is that learns: objects measured, or steps."""

    phase: str
    done: Count
    total: Count
    tuning_iou: float | None


class PromptFigures(Answer):
    """Mean IoU of one kind of prompt on held-out images, before and after learning."""

    prompt: str
    before: float
    after: float


class ChangePictureAnswer(Answer):
    """A picture of what became of one object, at ``/runs/{run_id}/pictures/{name}``."""

    name: str
    task: int
    before: float
    after: float


class LessonAnswer(Answer):
    """What came of learning; without a version the project uses what it used."""

    model_version: str | None
    is_better: bool
    reason: str
    masks: Count
    images: Count
    held_out_masks: Count
    held_out_images: Count
    empty_masks: Count
    figures: tuple[PromptFigures, ...]
    pictures: tuple[ChangePictureAnswer, ...]


class RunAnswer(Answer):
    """A run over the tasks of a project; times are ISO 8601."""

    id: str
    kind: Literal["prelabel", "learning"]
    project: int
    project_title: str
    label_studio_url: str
    model_version: str
    prompts: Literal["regions", "everything", "file"] | None
    state: Literal["planning", "running", "finished", "cancelled", "stopped"]
    reason: str | None
    created_at: str
    finished_at: str | None
    total: Count
    done: Count
    skipped: Count
    already_predicted: Count
    failed: Count
    rate_per_s: float | None
    time_left_s: float | None
    learning: LearningAnswer | None
    report: LessonAnswer | None


class RunsAnswer(Answer):
    """Of ``/runs``, newest first."""

    runs: tuple[RunAnswer, ...]


class PlannedProject(Answer):
    """The project that an order is about."""

    id: int
    title: str


class RunPlanAnswer(Answer):
    """Of ``POST /runs`` with ``dry_run``."""

    project: PlannedProject
    model_version: str
    tasks: Count
    already_predicted: Count
    to_predict: Count


class PredictedAnswer(Answer):
    """Ids of the tasks that a run gave a prediction."""

    tasks: tuple[int, ...]


class TaskFailure(Answer):
    """A task that could not be predicted."""

    task: int
    reason: str


class FailuresAnswer(Answer):
    """Of ``/runs/{run_id}/failures``."""

    failures: tuple[TaskFailure, ...]


class WarmAnswer(Answer):
    """Of ``/warm``: tasks of the project by what became of their images."""

    project: int
    queued: Count
    already_warm_or_queued: Count
    total: Count


class LearnedModelAnswer(Answer):
    """A decoder that was learned from a project.

    Attributes:
        model_version: of its predictions.
        is_usable: whether it fits the model that is loaded.
        size_bytes: of its file.
        project_key: ``"<id>.<unix time of creation>"`` of the project it was learned from.
        project_title: that project's title then.
        label_studio_url: where that project is.
        run: that learned it.
        created_at: ISO 8601.
        masks: accepted masks that were used.
        images: that they lie on.
        figures: what it was worth.
    """

    model_version: str
    is_usable: bool
    size_bytes: Count
    project_key: str
    project_title: str
    label_studio_url: str
    run: str
    created_at: str
    masks: Count
    images: Count
    figures: tuple[PromptFigures, ...]


class UsedModel(Answer):
    """What a project uses, and what it used before, the latest first."""

    key: str
    model_version: str
    before: tuple[str, ...]


class ModelsAnswer(Answer):
    """Of ``/models``: what projects use that chose nothing, what was learned, who uses what."""

    base: str
    models: tuple[LearnedModelAnswer, ...]
    projects: tuple[UsedModel, ...]


class ModelChangeAnswer(Answer):
    """What a project uses from now on, and what it used until now."""

    project: int
    model_version: str
    before: str
