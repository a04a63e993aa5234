"""Lists of tasks, as the data manager's API gives them; checked with Label Studio 1.23.2."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import httpx

from ..errors import ProjectMissing, RequestInvalid
from ..protocol import Task
from .answers import (
    DrawnTask,
    DrawnTaskRows,
    FullTaskRows,
    TaskPage,
    TaskRow,
    TaskRows,
    TaskSummary,
    read_answer,
    read_own_words,
)
from .patience import CallFailed
from .session import LabelStudioSession

Params = Mapping[str, str | int]

_TASKS = "/api/tasks"
_FULL_TASKS_AT_ONCE = 25  # with all their masks they are long
_MAX_FAULTS_OF_A_CHOICE = 3
# When a list of tasks is read, Label Studio asks the project's models for predictions, if the
# project is set so, and this service may be that model. Not for a review; nor does it then put
# together columns of all results, which nobody reads here.
_ASK_NO_MODEL: Params = {"review": "true"}
# The data manager computes the columns that are not hidden; only the model versions are not.
_HIDDEN_COLUMNS = [
    "tasks:annotations_ids",
    "tasks:annotations_results",
    "tasks:annotators",
    "tasks:avg_lead_time",
    "tasks:completed_at",
    "tasks:draft_exists",
    "tasks:file_upload",
    "tasks:predictions_results",
    "tasks:predictions_score",
    "tasks:state",
    "tasks:storage_filename",
]

_RowsT = TypeVar("_RowsT", TaskRows, FullTaskRows, DrawnTaskRows)


class TaskLists:
    """Reads a project's tasks. Safe between threads.

    Args:
        session: sends the calls.
        find_model_versions: of one task, exactly; asked where a list is not sure to be whole.
    """

    def __init__(
        self,
        session: LabelStudioSession,
        find_model_versions: Callable[[int], frozenset[str]],
    ) -> None:
        self._session = session
        self._find_model_versions = find_model_versions

    def list_page(self, project_id: int, choice: Params, page: int, page_size: int) -> TaskPage:
        """One page with the model versions of each task; ``LabelStudioClient.list_tasks``.

        Two calls where any task has predictions: a view cannot be asked for model versions, and
        a list that can be may ask the project's models about tasks without predictions.
        """
        rows = self._read_page(project_id, choice, page, page_size)
        if rows is None:
            first = self._read_page(project_id, choice, 1, 1)
            return TaskPage((), first.total if first else 0)
        predicted = [row.id for row in rows.tasks if row.total_predictions]
        versions = self._read_model_versions(project_id, predicted)
        found = (TaskSummary(row.id, versions.get(row.id, frozenset())) for row in rows.tasks)
        return TaskPage(tuple(found), rows.total)

    def list_annotated(self, project_id: int, page: int, page_size: int) -> list[int] | None:
        """The annotated tasks of a page; ``LabelStudioClient.list_annotated_tasks``."""
        rows = self._read_page(project_id, {}, page, page_size)
        if rows is None or not rows.tasks:
            return None
        return [row.id for row in rows.tasks if row.total_annotations]

    def find(self, project_id: int, task_ids: Sequence[int]) -> list[Task]:
        """Whole tasks, in the order of their ids; ``LabelStudioClient.find_tasks``."""
        pages = self._select_whole(project_id, task_ids, FullTaskRows)
        found: dict[object, Task] = {task.id: task for rows in pages for task in rows.tasks}
        return [found[task_id] for task_id in task_ids if task_id in found]

    def find_drawn(self, project_id: int, task_ids: Sequence[int]) -> list[DrawnTask]:
        """The same with all masks; ``LabelStudioClient.find_drawn_tasks``."""
        pages = self._select_whole(project_id, task_ids, DrawnTaskRows)
        found = {task.id: task for rows in pages for task in rows.tasks}
        return [found[task_id] for task_id in task_ids if task_id in found]

    def _read_page(
        self, project_id: int, choice: Params, page: int, page_size: int
    ) -> TaskRows | None:
        """A page without model versions, None past the end."""
        params = {"project": project_id, "page": page, "page_size": page_size}
        patience = self._session.be_patient(_MAX_FAULTS_OF_A_CHOICE if choice else None)
        try:
            response = self._session.ask(
                "GET", _TASKS, {**params, **choice, **_ASK_NO_MODEL}, patience=patience
            )
        except CallFailed as fault:  # Label Studio fails with 500 where a filter makes no sense
            raise RequestInvalid(
                f"Label Studio cannot use the view or the filters: {fault}"
            ) from fault
        if response.status_code == 404 and "View" in read_own_words(response):
            raise RequestInvalid(f"Label Studio has no view {choice.get('view')}")
        if response.status_code == 404 and page > 1:
            return None
        check_project(response, project_id)
        return read_answer(response, TaskRows)

    def _read_model_versions(
        self, project_id: int, task_ids: Sequence[int]
    ) -> dict[int, frozenset[str]]:
        hidden = {"hiddenColumns": {"explore": _HIDDEN_COLUMNS, "labeling": _HIDDEN_COLUMNS}}
        pages = self._select(project_id, task_ids, TaskRows, hidden, {})
        return {row.id: self._complete(row) for rows in pages for row in rows.tasks}

    def _complete(self, row: TaskRow) -> frozenset[str]:
        versions = row.read_model_versions()
        return versions if versions is not None else self._find_model_versions(row.id)

    def _select_whole(
        self, project_id: int, task_ids: Sequence[int], form: type[_RowsT]
    ) -> Iterator[_RowsT]:
        params = {"fields": "all", **_ASK_NO_MODEL}
        for start in range(0, len(task_ids), _FULL_TASKS_AT_ONCE):
            chosen = task_ids[start : start + _FULL_TASKS_AT_ONCE]
            yield from self._select(project_id, chosen, form, {}, params)

    def _select(
        self,
        project_id: int,
        task_ids: Sequence[int],
        form: type[_RowsT],
        query: Mapping[str, object],
        params: Params,
    ) -> Iterator[_RowsT]:
        """The tasks of these ids, by as many pages as Label Studio makes of them."""
        # No ids at all would select all tasks of the project.
        page, seen, total = 1, 0, len(task_ids)
        selected = {"selectedItems": {"all": False, "included": list(task_ids)}}
        params = {
            "project": project_id,
            "page_size": len(task_ids),
            "resolve_uri": "false",
            "query": json.dumps({**query, **selected}, separators=(",", ":")),
            **params,
        }
        while seen < total:
            response = self._session.ask("GET", _TASKS, {**params, "page": page})
            if response.status_code == 404 and page > 1:
                return  # some were deleted meanwhile
            check_project(response, project_id)
            rows = read_answer(response, form)
            page, seen, total = page + 1, seen + len(rows.tasks), rows.total
            yield rows


def check_project(response: httpx.Response, project_id: int) -> None:
    """Read a 404 as what it is.

    Raises:
        ProjectMissing: Label Studio says that there is no such project.
    """
    words = read_own_words(response)
    if response.status_code == 404 and words:
        raise ProjectMissing(
            f"Label Studio has no project {project_id}, or the token's user may not see it "
            f"({words})"
        )
