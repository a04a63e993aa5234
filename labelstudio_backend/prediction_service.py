"""What Label Studio asks of this service, answered; knows no HTTP framework."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from core import Predictor
from worker import INTERACTIVE

from .background import BackgroundRuns, ModelChoice, WarmStart
from .batch_prediction import BatchPredictor
from .errors import LabelConfigInvalid, RequestInvalid, is_fault, translate_error
from .images.fetcher import ImageFetcher
from .label_config import parse_label_config
from .label_items import join_labels
from .label_studio.account import find_account
from .labeled_task import Prediction
from .latest_calls import CallSubject, LatestCalls
from .operators.recent_failures import RecentFailures
from .operators.service_metrics import ServiceMetrics
from .operators.stage_times import StageTimes
from .projects import Projects, ProjectSetup
from .prompted_image import EmbeddingSource
from .protocol import ContextRegion, PredictRequest, SetupRequest
from .regions import select_prompt_regions
from .settings import BackendSettings
from .task_labeler import LabelingPlan, TaskLabeler
from .task_predictor import Attempt, AttemptSubject, TaskPredictor
from .task_prompts import PromptSource

logger = logging.getLogger(__name__)


class PredictionService:
    """Answers Label Studio's questions. Safe between threads.

    Args:
        predictor: the decoder; encoding is the embeddings' business.
        embeddings: where embeddings come from.
        images: fetches what tasks name.
        settings: Label Studio's URL and token, the time a click may take, and what is predicted
            without a click.
        projects: what ``/setup`` said; a new memory by default.
        failures: remembers what went wrong; a new memory by default.
        background: takes over the tasks that Label Studio cannot wait for.
        warm_start: encodes the image of an opened task before somebody clicks on it.
        clock: monotonic seconds.
        models: which version of the decoder a project uses; the predictor itself by default.

    Attributes:
        metrics: what it counts.
    """

    def __init__(
        self,
        predictor: Predictor,
        embeddings: EmbeddingSource,
        images: ImageFetcher,
        settings: BackendSettings,
        projects: Projects | None = None,
        failures: RecentFailures | None = None,
        background: BackgroundRuns | None = None,
        warm_start: WarmStart | None = None,
        clock: Callable[[], float] = time.monotonic,
        models: ModelChoice | None = None,
    ) -> None:
        self._predictor = predictor
        self._find_predictor = models.find if models else lambda _: predictor
        self._settings = settings
        self._projects = projects or Projects()
        self._failures = failures or RecentFailures()
        self._clock = clock
        self.metrics = ServiceMetrics()
        self._tasks = TaskPredictor(images, embeddings, self.metrics, clock, warm_start)
        self._latest_calls = LatestCalls()
        self._batches = BatchPredictor(
            self._find_predictor,
            self._tasks,
            settings.prelabel,
            self._failures,
            settings.has_tiles,
            background,
            warm_start,
            clock,
        )

    @property
    def model_version(self) -> str:
        """Of projects that use nothing that was learned."""
        return self._predictor.model_version

    def find_model_version(self, project: str | None) -> str:
        """The same string in ``/setup`` and in every prediction for a project."""
        return self._find_predictor(project).model_version

    def set_up(self, request: SetupRequest) -> None:
        """Remember where the project's Label Studio is, and say what will go wrong in it."""
        setup = ProjectSetup(request.hostname, request.access_token)
        self._projects.remember(request.project, setup)
        try:
            problems = self.find_problems(request.label_config)
        except RequestInvalid as error:
            problems = [error.detail]
        for problem in problems:
            logger.warning("label config project=%.40r problem=%.1000r", request.project, problem)
            self._failures.record(request.project, None, LabelConfigInvalid(problem))

    def find_problems(self, label_config: str | None) -> list[str]:
        """What will go wrong when annotators click with this label config.

        Raises:
            LabelConfigInvalid: it cannot be read.
        """
        return parse_label_config(label_config).find_problems()

    def predict(self, request: PredictRequest) -> list[Prediction | list[Prediction]]:
        """Predict the tasks of one call.

        Returns:
            One entry a task, in order: a prediction, or ``[]`` where there is none, since an empty
            prediction would mark the task as done. Nothing at all when there are so many tasks
            without a click that all of them are done in the background.

        Raises:
            BackendError: the call cannot be answered; which kind says why.
        """
        task = request.tasks[0].id if len(request.tasks) == 1 else None
        with self._failures.recording(request.project, task):
            return self._predict(request)

    def _predict(self, request: PredictRequest) -> list[Prediction | list[Prediction]]:
        context = request.context
        if context is None or context.result is None:
            account = find_account(self._settings, self._projects.find(request.project))
            return self._batches.predict(request, account)
        if len(request.tasks) != 1:
            raise RequestInvalid(
                f"a context belongs to exactly one task, got {len(request.tasks)} tasks"
            )
        attempt = self._make_attempt(request)
        try:
            prediction = self._predict_click(request, context.result, attempt)
        except Exception as error:
            answer = translate_error(error)
            answer.subject = attempt
            if answer is error or is_fault(error):
                raise
            raise answer from error
        return [prediction if prediction is not None else []]

    def _make_attempt(self, request: PredictRequest) -> Attempt:
        return Attempt(
            subject=AttemptSubject(request.tasks[0].id, request.project),
            account=find_account(self._settings, self._projects.find(request.project)),
            deadline=self._clock() + self._settings.predict_timeout_s,
            priority=INTERACTIVE,
            times=StageTimes(self._clock),
        )

    def _predict_click(
        self, request: PredictRequest, context: Sequence[ContextRegion], attempt: Attempt
    ) -> Prediction | None:
        config = parse_label_config(request.label_config)
        regions = select_prompt_regions(join_labels(context))
        image_name = config.find_image_name(regions[0].to_name)
        plan = LabelingPlan(PromptSource.REGIONS, has_tiles=self._settings.has_tiles)
        labeler = TaskLabeler(self._find_predictor(request.project), config, plan)
        task = request.tasks[0]
        prompt = labeler.prompt_regions(task, image_name, regions)
        subject = CallSubject(request.project, task.id, image_name, prompt.source)
        with self._latest_calls.open(subject, regions, task) as call:
            return self._tasks.predict(labeler, prompt, replace(attempt, call=call))
