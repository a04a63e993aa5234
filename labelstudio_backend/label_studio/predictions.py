"""Predictions that Label Studio keeps: each is stored once; checked with Label Studio 1.23.2."""

import json
from collections.abc import Callable, Mapping

import httpx

from ..errors import PredictionRefused, ProjectMissing, TaskMissing
from .answers import (
    DrawnPrediction,
    DrawnPredictions,
    StoredPrediction,
    StoredPredictions,
    read_answer,
    read_own_words,
    read_refusal,
)
from .patience import CallFailed, Patience
from .session import LabelStudioSession

_PREDICTIONS = "/api/predictions/"
_REFUSED = (400, 413, 422)


class PredictionStore:
    """Looks up and posts predictions. Safe between threads.

    Args:
        session: sends the calls.
    """

    def __init__(self, session: LabelStudioSession) -> None:
        self._session = session

    def find_model_versions(self, task_id: int, patience: Patience | None = None) -> frozenset[str]:
        """The model versions of all predictions of a task.

        Raises:
            TaskMissing: there is no task of this id.
        """
        stored = self._find(task_id, patience)
        return frozenset(one.model_version for one in stored if one.model_version)

    def find_drawn(self, task_id: int, model_version: str) -> DrawnPrediction | None:
        """The latest prediction of a model version; ``LabelStudioClient.find_prediction``."""
        found = read_answer(self._ask(task_id), DrawnPredictions).root
        of_version = [one for one in found if one.model_version == model_version]
        return max(of_version, key=lambda one: one.id, default=None)

    def post(
        self,
        task_id: int,
        project_id: int,
        prediction: Mapping[str, object],
        is_alone: Callable[[], bool] = lambda: True,
    ) -> None:
        """Store a prediction, once; ``LabelStudioClient.post_prediction``."""
        model_version = str(prediction["model_version"])
        body = {**prediction, "task": task_id, "project": project_id}
        content = json.dumps(body, separators=(",", ":")).encode()
        patience = self._session.be_patient()
        is_doubtful = False
        while True:
            try:
                response = self._session.send("POST", _PREDICTIONS, content=content)
                break
            except CallFailed as failure:
                patience.wait(failure)
                is_doubtful |= failure.may_have_arrived
            if is_doubtful and model_version in self.find_model_versions(task_id, patience):
                return
        posted = _read_posted(response, task_id, project_id, len(content))
        if is_doubtful or not is_alone():
            self._remove_double(task_id, model_version, posted.id)

    def _find(self, task_id: int, patience: Patience | None = None) -> tuple[StoredPrediction, ...]:
        return read_answer(self._ask(task_id, patience), StoredPredictions).root

    def _ask(self, task_id: int, patience: Patience | None = None) -> httpx.Response:
        # The only call that names a task alone, and the only one whose versions are exact; it
        # brings the results, too.
        response = self._session.ask("GET", _PREDICTIONS, {"task": task_id}, patience=patience)
        if response.status_code == 400 and "task" in read_refusal(response):
            raise _explain_missing_task(task_id)
        return response

    def _remove_double(self, task_id: int, model_version: str, posted_id: int) -> None:
        """Delete what was just posted, when an earlier try arrived after it was looked for."""
        earlier = (
            one
            for one in self._find(task_id)
            # Only an earlier one: of two that both look, one stays.
            if one.model_version == model_version and one.id < posted_id
        )
        if any(earlier):
            self._session.ask("DELETE", f"{_PREDICTIONS}{posted_id}/")


def _read_posted(
    response: httpx.Response, task_id: int, project_id: int, size_bytes: int
) -> StoredPrediction:
    if response.status_code not in _REFUSED:
        return read_answer(response, StoredPrediction)
    refusal = read_refusal(response)
    words = read_own_words(response)
    if "does not exist" in str(refusal.get("task")):
        raise _explain_missing_task(task_id)
    if "does not exist" in str(refusal.get("project")):
        raise ProjectMissing(f"Label Studio has no project {project_id} any more ({words})")
    if response.status_code == 413:
        raise PredictionRefused(
            f"Label Studio, or a proxy before it, does not take the {size_bytes:,} bytes of the "
            f"prediction of task {task_id} (413); raise the limit (nginx: client_max_body_size, "
            "Label Studio: DATA_UPLOAD_MAX_MEMORY_SIZE)"
        )
    raise PredictionRefused(
        f"Label Studio does not take the prediction of task {task_id} ({response.status_code}): "
        f"{words or 'it does not say why'}"
    )


def _explain_missing_task(task_id: int) -> TaskMissing:
    return TaskMissing(f"Label Studio has no task {task_id}; was it deleted?")
