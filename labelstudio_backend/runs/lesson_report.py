"""How far a learning run is with its decoder, and what came of it."""

from pydantic import BaseModel, ConfigDict

from ..models import PromptFigures


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class LearningProgress(_Record):
    """How far a decoder is that learns.

    Attributes:
        phase: what is being done, such as ``learning``.
        done: objects measured, or steps.
        total: of these, at most; learning may stop sooner.
        tuning_iou: mean IoU on the part that says when to stop; None before the first look.
    """

    phase: str
    done: int
    total: int
    tuning_iou: float | None


class ChangePicture(_Record):
    """A picture of what became of one object.

    Attributes:
        name: of the file.
        task: id of the object's task.
        before: IoU after one click, with what was in use.
        after: with what was learned.
    """

    name: str
    task: int
    before: float
    after: float


class LessonReport(_Record):
    """What came of learning.

    Attributes:
        model_version: what the project uses now; None where it was not better, and nothing changed.
        is_better: whether it was.
        reason: why, in a sentence.
        masks: accepted masks that there were.
        images: that they lie on.
        held_out_masks: those of them that were measured and not learned from.
        held_out_images: that these lie on.
        empty_masks: masks without a pixel, left out.
        figures: mean IoU by kind of prompt.
        pictures: of the largest gains and losses.
    """

    model_version: str | None
    is_better: bool
    reason: str
    masks: int
    images: int
    held_out_masks: int
    held_out_images: int
    empty_masks: int
    figures: tuple[PromptFigures, ...]
    pictures: tuple[ChangePicture, ...]
