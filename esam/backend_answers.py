"""What the backend answers, as far as the commands read it; unknown fields are skipped."""

from pydantic import BaseModel, ConfigDict

_OVER = ("finished", "cancelled", "stopped")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Learning(_Answer):
    """How far a decoder is that learns.

    Attributes:
        phase: what is being done, such as ``learning``.
        done: objects measured, or steps.
        total: of these, at most.
    """

    phase: str
    done: int
    total: int


class PromptFigures(_Answer):
    """Mean IoU of one kind of prompt, before and after learning."""

    prompt: str
    before: float
    after: float


class ChangePicture(_Answer):
    """A picture of what became of one object."""

    name: str
    task: int
    before: float
    after: float


class LessonReport(_Answer):
    """What came of learning.

    Attributes:
        model_version: what the project uses now; None where nothing changed.
        is_better: whether what was learned is.
        reason: why, in a sentence.
        masks: accepted masks that there were.
        images: that they lie on.
        held_out_masks: those of them that were measured and not learned from.
        held_out_images: that these lie on.
        empty_masks: masks without a pixel, left out.
        figures: by kind of prompt.
        pictures: of the largest gains and losses.
    """

    model_version: str | None = None
    is_better: bool
    reason: str
    masks: int
    images: int
    held_out_masks: int
    held_out_images: int
    empty_masks: int = 0
    figures: tuple[PromptFigures, ...]
    pictures: tuple[ChangePicture, ...] = ()


class Run(_Answer):
    """One run over the tasks of a project.

    Attributes:
        id: what people type.
        kind: ``prelabel`` or ``learning``.
        project: id of the project in Label Studio.
        project_title: what it is called there.
        label_studio_url: where that is.
        model_version: of the predictions it posts; of a learning run, what has to be beaten.
        prompts: ``regions``, ``everything`` or ``file``; None where nothing is predicted.
        state: ``planning``, ``running``, ``finished``, ``cancelled`` or ``stopped``.
        reason: why it stopped.
        created_at: ISO time.
        finished_at: ISO time, None while it goes on.
        total: tasks planned so far.
        done: tasks with a prediction by this run.
        skipped: tasks with nothing to predict from.
        already_predicted: tasks left out, since they have a prediction of this model version.
        failed: tasks that could not be predicted.
        rate_per_s: tasks a second, lately.
        time_left_s: seconds to go at this rate.
        learning: how far its decoder is, where one learns.
        report: what came of learning.
    """

    id: str
    kind: str = "prelabel"
    project: int
    project_title: str | None = None
    label_studio_url: str | None = None
    model_version: str = ""
    prompts: str | None = ""
    state: str
    reason: str | None = None
    created_at: str | None = None
    finished_at: str | None = None
    total: int
    done: int
    skipped: int = 0
    already_predicted: int = 0
    failed: int = 0
    rate_per_s: float | None = None
    time_left_s: float | None = None
    learning: Learning | None = None
    report: LessonReport | None = None

    @property
    def work(self) -> str:
        """What it does, in a word."""
        return self.prompts or self.kind

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen in it by itself."""
        return self.state in _OVER

    @property
    def is_all_done(self) -> bool:
        """Whether it came to its end without a failure; of learning, whether it is of use."""
        if self.kind == "learning":
            return self.report is not None and self.report.is_better
        return self.state == "finished" and not self.failed

    @property
    def handled(self) -> int:
        """Tasks that are dealt with, well or not."""
        return self.done + self.skipped + self.failed


class RunList(_Answer):
    """Runs, newest first."""

    runs: tuple[Run, ...]


class PlannedProject(_Answer):
    """The project an order is about."""

    id: int
    title: str | None = None


class RunPlan(_Answer):
    """What an order would start.

    Attributes:
        project: the project.
        tasks: its tasks, as far as the order names them.
        to_predict: tasks that would be predicted.
        already_predicted: tasks that have a prediction of this model version.
        model_version: the one that would predict.
    """

    project: PlannedProject
    tasks: int
    to_predict: int
    already_predicted: int
    model_version: str


class Failure(_Answer):
    """A task that could not be predicted, and why."""

    task: int
    reason: str


class FailureList(_Answer):
    """The failures of a run."""

    failures: tuple[Failure, ...]


class PredictedTasks(_Answer):
    """The tasks that a run gave a prediction, in the order of their ids."""

    tasks: tuple[int, ...]


class LearnedModel(_Answer):
    """A decoder that was learned from a project.

    Attributes:
        model_version: of its predictions.
        is_usable: whether it fits the model that the backend has loaded.
        size_bytes: of its file.
        project_key: id and time of creation of the project that it was learned from.
        project_title: that project's title.
        run: that learned it.
        created_at: ISO time.
        masks: accepted masks that there were.
        images: that they lie on.
        figures: what it was worth.
    """

    model_version: str
    is_usable: bool = True
    size_bytes: int = 0
    project_key: str
    project_title: str = ""
    run: str = ""
    created_at: str | None = None
    masks: int = 0
    images: int = 0
    figures: tuple[PromptFigures, ...] = ()


class UsedModel(_Answer):
    """What a project uses."""

    key: str
    model_version: str


class ModelList(_Answer):
    """What was learned, and who uses what.

    Attributes:
        base: the version of projects that use nothing learned.
        models: newest first.
        projects: those that chose a version.
    """

    base: str
    models: tuple[LearnedModel, ...]
    projects: tuple[UsedModel, ...] = ()


class ModelChange(_Answer):
    """What a project uses from now on, and what it used until now."""

    project: int
    model_version: str
    before: str


class WarmOrder(_Answer):
    """What an order to warm up started.

    Attributes:
        project: id of the project.
        queued: images put on the queue.
        already_warm_or_queued: images with an embedding, or on the queue before.
        total: tasks of the project; more than both together where the queue has no room for all.
    """

    project: int
    queued: int
    already_warm_or_queued: int
    total: int


class RedisStatus(_Answer):
    """The backend's Redis, as far as it says."""

    is_reachable: bool
    detail: str | None = None
    version: str | None = None
    eviction_policy: str | None = None
    maxmemory_bytes: int | None = None
    used_memory_bytes: int | None = None
    has_queue_safe_eviction: bool | None = None


class WorkerStatus(_Answer):
    """One worker process.

    Attributes:
        name: RQ's name of it.
        process: its machine and process id.
        state: such as ``busy``.
        device: where its model is.
        dtype: what its encoder computes in.
        model_version: the model it has.
        embedding_identity: whose embeddings it makes.
        last_heartbeat_at: ISO time.
    """

    name: str
    process: str | None = None
    state: str | None = None
    device: str | None = None
    dtype: str | None = None
    model_version: str | None = None
    embedding_identity: str | None = None
    last_heartbeat_at: str | None = None


class QueueStatus(_Answer):
    """One queue.

    Attributes:
        waiting: jobs that no worker has taken.
        running: jobs in workers' hands.
        failed: jobs that failed in the last week.
        oldest_s: how long the oldest waiting job has waited.
    """

    waiting: int = 0
    running: int = 0
    failed: int = 0
    oldest_s: float | None = None


class Queues(_Answer):
    """The queues, the most urgent first."""

    interactive: QueueStatus = QueueStatus()
    prefetch: QueueStatus = QueueStatus()
    batch: QueueStatus = QueueStatus()


class CacheStatus(_Answer):
    """The embeddings that are kept.

    Attributes:
        process_hits: found in the backend itself.
        redis_hits: found in Redis.
        misses: had to be waited for.
        process_bytes: kept in the backend.
        process_max_bytes: bound of that.
        process_evicted: given up to make room.
        redis_evicted: keys that Redis gave up to make room.
    """

    process_hits: int = 0
    redis_hits: int = 0
    misses: int = 0
    process_bytes: int = 0
    process_max_bytes: int = 0
    process_evicted: int = 0
    redis_evicted: int | None = None


class RecentFailure(_Answer):
    """What went wrong in a project lately.

    Attributes:
        project: id of the project, None where Label Studio did not say.
        task: id of the task, None where it is about more than one.
        code: stable name of the error.
        reason: what, the value, and what to do.
        count: how often it happened.
        last_at: ISO time.
    """

    project: str | None = None
    task: int | str | None = None
    code: str = ""
    reason: str
    count: int = 1
    last_at: str | None = None


class BackendStatus(_Answer):
    """The backend and what it works with.

    Attributes:
        model_version: of its predictions.
        embedding_identity: of the embeddings it can decode, where it says.
        redis: its Redis.
        workers: those that are alive.
        queues: jobs that wait.
        cache: embeddings that are kept.
        encoded_images: how many, by device.
        runs: the latest that go on or ended within a day, newest first.
        label_studio_url: where it looks for Label Studio.
        has_label_studio_token: whether it was given a token for it.
        prelabel: what tasks are predicted from when nobody clicked.
        versions: of the backend's parts, by name.
        failures: what went wrong since the backend was started, the latest first.
    """

    model_version: str
    embedding_identity: str | None = None
    redis: RedisStatus
    workers: tuple[WorkerStatus, ...] = ()
    queues: Queues = Queues()
    cache: CacheStatus = CacheStatus()
    encoded_images: dict[str, int] = {}
    runs: tuple[Run, ...] = ()
    label_studio_url: str | None = None
    has_label_studio_token: bool = False
    prelabel: str | None = None
    versions: dict[str, str | None] = {}
    failures: tuple[RecentFailure, ...] = ()
