"""Work on whole projects that Label Studio or a person asks for: runs and warm starts."""

import logging
from collections.abc import Sequence

from redis import Redis
from redis.exceptions import RedisError

from core import Predictor
from worker import RequestThreads, WorkerError, redis_errors_translated

from .batch_prediction import find_click_images
from .errors import BackendError, LabelStudioUnknown, translate_error
from .label_studio.account import LabelStudioAccount, find_account
from .label_studio.answers import Project
from .label_studio.client import LabelStudioClient
from .models import ModelStore, ProjectModels
from .operators.recent_failures import RecentFailures
from .projects import Projects
from .protocol import WebhookEvent
from .runs import RunService
from .settings import BackendSettings
from .task_prompts import PromptSource
from .warm_start import MAX_WAITING, WarmStart

logger = logging.getLogger(__name__)

_PAGE_TASKS = 100


class ProjectWork:
    """Runs and warm starts with the right account. Safe between threads.

    Args:
        redis: where jobs are put.
        predictor: the model that workers have too.
        settings: the operator's account, and where prompts come from when nobody clicks.
        projects: what ``/setup`` said.
        models: which version of the model a project uses; those in Redis by default.
        failures: told what Label Studio asked for in vain, since it shows nobody.

    Attributes:
        runs: starts and shows runs.
        models: which version of the model a project uses.
    """

    def __init__(
        self,
        redis: Redis,
        predictor: Predictor,
        settings: BackendSettings,
        projects: Projects,
        models: ProjectModels | None = None,
        failures: RecentFailures | None = None,
    ) -> None:
        self.models = models or ProjectModels(predictor, ModelStore(redis))
        self.runs = RunService(redis, predictor, settings.has_tiles, models=self.models)
        self._warm_start = WarmStart(redis, predictor.embedding_identity)
        self._redis = redis
        self._settings = settings
        self._projects = projects
        self._failures = failures or RecentFailures()
        self._thread = RequestThreads(1, "learn")

    def find_account(
        self, project_id: int, given: LabelStudioAccount | None = None
    ) -> LabelStudioAccount:
        """The account to use for a project.

        Raises:
            LabelStudioUnknown: none was given, none is set, and Label Studio has not said.
        """
        account = given or find_account(self._settings, self._projects.find_by_id(project_id))
        if account is None:
            raise LabelStudioUnknown(
                "this service does not know where Label Studio is: give its URL and a token "
                "(--url, --token), or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY"
            )
        return account

    def find_project(
        self, project_id: int, given: LabelStudioAccount | None = None
    ) -> tuple[Project, LabelStudioAccount]:
        """A project as Label Studio describes it, and the account that was used.

        Raises:
            LabelStudioUnknown: as ``find_account``.
            LabelStudioError: Label Studio does not answer, refuses, or has no such project.
        """
        account = self.find_account(project_id, given)
        client = LabelStudioClient(account, patience_s=10)
        try:
            return client.find_project(project_id), account
        finally:
            client.close()

    def list_learned_versions(self) -> list[str]:
        """The versions that were learned, newest first; none while Redis is away."""
        try:
            return [model.version for model in self.models.store.list_models()]
        except RedisError as error:
            logger.warning("learned versions not known, Redis is away (%s)", type(error).__name__)
            return []

    def label_tasks(
        self,
        project_key: str | None,
        task_ids: Sequence[int],
        account: LabelStudioAccount | None,
    ) -> None:
        """Label selected tasks in the background, as the setting says, which is not ``off``.

        Raises:
            BackendError: they cannot be; which kind says why.
            RedisUnavailable: Redis cannot be reached.
        """
        prompts = PromptSource(self._settings.prelabel)
        with redis_errors_translated(self._redis):
            self.runs.label_tasks(project_key, task_ids, account, prompts)

    def warm(
        self,
        account: LabelStudioAccount | None,
        images: Sequence[tuple[int | str | None, str]],
    ) -> None:
        """Have images encoded before somebody clicks on them; returns at once."""
        self._warm_start.warm(account, images)

    def handle_event(self, event: WebhookEvent) -> None:
        """Warm up the images of new tasks, or start to learn from a project; returns at once."""
        if event.project is None:
            return
        if event.action == "START_TRAINING" and isinstance(event.project.id, int):
            self._thread.submit(self._start_learning_logged, event.project.id)
        if event.action != "TASKS_CREATED":
            return
        account = find_account(self._settings, self._projects.find_by_id(event.project.id))
        tasks = event.tasks[:MAX_WAITING]
        images = find_click_images(tasks, event.project.label_config)
        self._warm_start.warm(account, images)

    def _start_learning_logged(self, project_id: int) -> None:
        """Label Studio waits a second for the webhook's answer, and shows nobody what it says."""
        try:
            with redis_errors_translated(self._redis):
                self.runs.start_learning(project_id, self.find_account(project_id))
        except (BackendError, WorkerError) as error:
            logger.warning("learning not started project=%d reason=%s", project_id, error)
            self._failures.record(str(project_id), None, translate_error(error))

    def warm_project(
        self, project_id: int, account: LabelStudioAccount, limit: int | None
    ) -> dict[str, int]:
        """Order the embeddings of a project's tasks, until the queue is full.

        Asked again, it goes on behind those that were ordered within the hour.

        Returns:
            How many were queued, how many were warm or queued already, and the tasks in all.

        Raises:
            LabelStudioError: Label Studio does not answer, refuses, or has no such project.
        """
        client = LabelStudioClient(account, patience_s=10)
        queued = seen = 0
        try:
            config = client.find_project(project_id).label_config
            page_number, total = 1, 1
            while seen < min(limit or total, total) and (room := self._warm_start.find_room()):
                page = client.list_tasks(project_id, page=page_number, page_size=_PAGE_TASKS)
                total, page_number = page.total, page_number + 1
                wanted = min(room, (limit or total) - seen)
                ids = [task.id for task in page.tasks][:wanted]
                if not ids:
                    break
                images = find_click_images(client.find_tasks(project_id, ids), config)
                queued += self._warm_start.order(account, images)
                seen += len(ids)
                if len(ids) < len(page.tasks):
                    break  # no room for the rest of the page, whoever makes room meanwhile
        finally:
            client.close()
        return {
            "project": project_id,
            "queued": queued,
            "already_warm_or_queued": max(0, seen - queued),
            "total": total,
        }
