"""What a run is: what is done with which tasks of a project, and how far it is."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ..task_prompts import BoxPrompt, PromptSource
from .lesson_report import LearningProgress, LessonReport

MAX_STEPS = 10_000


class RunKind(str, Enum):
    """What a run does with its tasks."""

    PRELABEL = "prelabel"
    LEARNING = "learning"


class RunState(str, Enum):
    """Where a run stands.

    ``RUNNING`` becomes ``FINISHED`` by itself, ``CANCELLED`` by a person, and ``STOPPED`` when no
    task could go on: Label Studio is away, the token expired, the project is gone.
    """

    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class RunOptions(_Record):
    """What somebody asked for.

    Attributes:
        prompts: where the prompts of a task come from.
        label: of masks that no prompt names; None takes the output tag's first label.
        limit: at most so many tasks.
        view: a tab of the data manager; its filters and order.
        filters: as the data manager writes them.
        keep_embeddings: whether embeddings go into the cache too, for later clicks.
        steps: of a learning run: at most so many.
    """

    prompts: PromptSource = PromptSource.REGIONS
    label: str | None = None
    limit: Annotated[int, Field(gt=0)] | None = None
    view: int | None = None
    filters: Mapping[str, object] | None = None
    keep_embeddings: bool = False
    steps: Annotated[int, Field(gt=0, le=MAX_STEPS)] | None = None


class Run(_Record):
    """What is written down when a run is made, and stays as it is.

    Attributes:
        id: of the run.
        kind: what it does with its tasks.
        project: id of the project.
        project_key: ``"<id>.<unix time of creation>"``, which no other project ever has.
        project_title: its title then.
        label_config: its label config then.
        account: id of the account in the account store.
        label_studio_url: where that account is, for people.
        model_version: of the predictions it makes; of a learning run, what has to be beaten.
        options: what was asked for.
        has_tiles: whether what is small in an image is looked at in a tile of it.
        is_selection: whether its tasks were named one by one; else they are listed as it goes.
        created_at: unix time, seconds.
    """

    id: str
    kind: RunKind = RunKind.PRELABEL
    project: int
    project_key: str = ""
    project_title: str
    label_config: str
    account: str
    label_studio_url: str
    model_version: str
    options: RunOptions
    has_tiles: bool = True
    is_selection: bool = False
    created_at: float


class RunProgress(_Record):
    """How far a run is.

    Attributes:
        state: where it stands.
        reason: why it stopped.
        is_listing: whether more tasks may be found.
        total: tasks found so far.
        done: got a prediction; or their masks are learned from.
        skipped: hold nothing to predict, or to learn, from.
        already_predicted: had a prediction of this model version.
        failed: could not be predicted, or learned from.
        leg_started_at: unix time of the last start or resume.
        leg_handled: tasks handled since.
        finished_at: unix time, None while it runs.
        learning: how far its decoder is; None where none learns.
        report: what came of learning; None before, and where none learned.
    """

    state: RunState
    reason: str | None
    is_listing: bool
    total: int
    done: int
    skipped: int
    already_predicted: int
    failed: int
    leg_started_at: float
    leg_handled: int
    finished_at: float | None
    learning: LearningProgress | None = None
    report: LessonReport | None = None

    def count_by_outcome(self) -> Mapping[str, int]:
        """Tasks found so far by what became of them; ``open`` are those without an outcome."""
        ended = self.done + self.skipped + self.failed
        return {
            "done": self.done,
            "skipped": self.skipped,
            "failed": self.failed,
            "already_predicted": self.already_predicted,
            "open": max(0, self.total - ended),
        }

    def rate_per_s(self, now: float) -> float | None:
        """Tasks a second since the last start or resume; None before the first."""
        spent_s = (self.finished_at or now) - self.leg_started_at
        return self.leg_handled / spent_s if self.leg_handled > 0 and spent_s > 0 else None

    def time_left_s(self, now: float) -> float | None:
        """Seconds until it is done at this rate; None when that cannot be known yet."""
        rate = self.rate_per_s(now)
        if self.state is not RunState.RUNNING or rate is None or self.is_listing:
            return None
        return max(0, self.total - self.done - self.skipped - self.failed) / rate


class Chunk(_Record):
    """A piece of work of a run: a page of tasks to list, some tasks, or to learn from them all.

    Attributes:
        id: of the chunk, within the run.
        page: of Label Studio's list; None for a chunk of tasks.
        tasks: ids of the tasks to label, or to collect masks of.
        is_lesson: whether it is to learn from what was collected.
        is_doubtful: whether somebody else may still be at these tasks: a worker that only seemed
            dead, or one that finishes what was cancelled and resumed.
    """

    id: str
    page: int | None = None
    tasks: tuple[int, ...] = ()
    is_lesson: bool = False
    is_doubtful: bool = False


class StoredBox(_Record):
    """A box of a file on its way to the worker."""

    label: str | None = None
    box: tuple[float, float, float, float]

    def to_prompt(self) -> BoxPrompt:
        """The same as a prompt."""
        return BoxPrompt(self.label, self.box)


BOXES = TypeAdapter(list[StoredBox])
