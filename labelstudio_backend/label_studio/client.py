"""Label Studio's API, as far as whole projects need it."""

import json
import time
from collections.abc import Callable, Mapping, Sequence

from ..errors import RequestInvalid
from ..protocol import Task
from .account import LabelStudioAccount
from .answers import (
    DrawnPrediction,
    DrawnTask,
    Project,
    ProjectAnswer,
    TaskPage,
    UserAnswer,
    VersionAnswer,
    read_answer,
)
from .predictions import PredictionStore
from .session import LabelStudioSession
from .tasks import TaskLists, check_project

_PROJECT_FIELDS = "id,title,label_config,created_at,task_number"


class LabelStudioClient:
    """Reads tasks from a Label Studio and posts predictions to it. Safe between threads.

    A call is repeated while Label Studio does not answer, or answers 429 or 5xx, for as long as
    ``patience_s``. Any call may raise:

    - ``LabelStudioUnreachable``: that time has passed; Label Studio is down or overloaded.
    - ``LabelStudioTokenRefused``: the token is missing, wrong, expired, or of the wrong kind.
    - ``LabelStudioError``: the answer is not Label Studio's, or Label Studio failed each time.

    Args:
        account: where it is, and the token.
        patience_s: how long one call is repeated.
        clock: monotonic seconds.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        account: LabelStudioAccount,
        *,
        patience_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.account = account
        self._session = LabelStudioSession(account, patience_s=patience_s, clock=clock, sleep=sleep)
        self._predictions = PredictionStore(self._session)
        self._tasks = TaskLists(self._session, self._predictions.find_model_versions)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def find_version(self) -> str:
        """The release, such as ``1.23.2``."""
        return read_answer(self._session.ask("GET", "/api/version"), VersionAnswer).release

    def find_user(self) -> str:
        """E-mail of the token's user."""
        response = self._session.ask("GET", "/api/current-user/whoami")
        return read_answer(response, UserAnswer).email

    def find_project(self, project_id: int) -> Project:
        """A project.

        Raises:
            ProjectMissing: there is none of this id.
        """
        path = f"/api/projects/{project_id}"
        response = self._session.ask("GET", path, {"include": _PROJECT_FIELDS})
        check_project(response, project_id)
        return read_answer(response, ProjectAnswer).to_project()

    def list_tasks(
        self,
        project_id: int,
        *,
        page: int,
        page_size: int = 100,
        view_id: int | None = None,
        filters: Mapping[str, object] | None = None,
    ) -> TaskPage:
        """One page of a project's tasks, ordered by id or as the view says.

        Tasks that are deleted between two calls move later ones to earlier pages.

        Args:
            project_id: the project.
            page: from 1; one past the end is empty.
            page_size: tasks on a page; a Label Studio may be set to give fewer, so that a short
                page need not be the last.
            view_id: a tab of the data manager: its filters, order and ticked rows.
            filters: as the data manager writes them, ``{"conjunction": "and", "items": [{"filter":
                "filter:tasks:id", "operator": "greater", "type": "Number", "value": 7}]}``.

        Raises:
            ProjectMissing: there is none of this id.
            RequestInvalid: Label Studio cannot use the view or the filters.
        """
        if view_id is not None and filters is not None:
            raise RequestInvalid("give a view or filters, not both; a view has its own filters")
        choice: dict[str, str | int] = {} if view_id is None else {"view": view_id}
        if filters is not None:
            choice["query"] = json.dumps({"filters": filters})
        return self._tasks.list_page(project_id, choice, page, page_size)

    def find_tasks(self, project_id: int, task_ids: Sequence[int]) -> list[Task]:
        """Tasks with their annotations, predictions, and the drafts of the token's user.

        Returns:
            In the order of ``task_ids``, without those that do not exist (any more). Image URLs
            are as in the task's data, not resolved.

        Raises:
            ProjectMissing: there is none of this id.
        """
        return self._tasks.find(project_id, task_ids)

    def find_drawn_tasks(self, project_id: int, task_ids: Sequence[int]) -> list[DrawnTask]:
        """Tasks with all that is drawn on them, masks included: some MB each.

        Returns:
            In the order of ``task_ids``, without those that do not exist (any more).

        Raises:
            ProjectMissing: there is none of this id.
        """
        return self._tasks.find_drawn(project_id, task_ids)

    def list_annotated_tasks(
        self, project_id: int, *, page: int, page_size: int = 100
    ) -> list[int] | None:
        """The tasks of a page that somebody annotated and did not skip, ordered by id.

        Args:
            project_id: the project.
            page: from 1; of all its tasks, so that a page may hold none that is annotated.
            page_size: tasks on a page.

        Returns:
            Their ids; None past the last page.

        Raises:
            ProjectMissing: there is none of this id.
        """
        return self._tasks.list_annotated(project_id, page, page_size)

    def has_prediction(self, task_id: int, model_version: str) -> bool:
        """Whether a task has a prediction of a model version.

        Raises:
            TaskMissing: there is no task of this id.
        """
        return model_version in self._predictions.find_model_versions(task_id)

    def find_prediction(self, task_id: int, model_version: str) -> DrawnPrediction | None:
        """The latest prediction of a model version with its regions, None where there is none.

        Raises:
            TaskMissing: there is no task of this id.
        """
        return self._predictions.find_drawn(task_id, model_version)

    def post_prediction(
        self,
        task_id: int,
        project_id: int,
        prediction: Mapping[str, object],
        is_alone: Callable[[], bool] = lambda: True,
    ) -> None:
        """Store a prediction, once: where it is not known whether it arrived, look first.

        Args:
            task_id: the task.
            project_id: its project.
            prediction: ``result``, ``score`` and ``model_version``.
            is_alone: asked after it is stored: whether nobody else can have stored one of this
                model version meanwhile. Otherwise it is looked for, and the later one deleted.

        Raises:
            TaskMissing, ProjectMissing: it was deleted.
            PredictionRefused: Label Studio does not take it.
        """
        self._predictions.post(task_id, project_id, prediction, is_alone)
