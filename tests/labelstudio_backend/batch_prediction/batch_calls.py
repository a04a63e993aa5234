"""Calls without a click, and what a backend hands over instead of answering itself."""

import time
from collections.abc import Sequence
from typing import Any

from labelstudio_backend import LabelStudioAccount

from ..conftest import Backend
from ..image_host import Host
from ..label_studio_requests import LABEL_CONFIG, Json, make_rectangle

BOX = make_rectangle(10, 10, 60, 60)
TIMEOUT_S = 30


class Collaborators:
    """What a backend hands tasks and images to; writes down what it was handed."""

    def __init__(self) -> None:
        self.runs: list[tuple[str | None, list[int]]] = []
        self.warmed: list[tuple[int | str | None, str]] = []
        self.account: LabelStudioAccount | None = None
        self.error: Exception | None = None

    def label_tasks(
        self, project_key: str | None, task_ids: Sequence[int], account: LabelStudioAccount | None
    ) -> None:
        self.runs.append((project_key, list(task_ids)))
        self._end(account)

    def warm(
        self, account: LabelStudioAccount | None, images: Sequence[tuple[int | str | None, str]]
    ) -> None:
        self.warmed += images
        self._end(account)

    def _end(self, account: LabelStudioAccount | None) -> None:
        self.account = account
        if self.error is not None:
            raise self.error


class Clock:
    """Monotonic seconds that a test can move on."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


def path_of(task_id: int) -> str:
    return f"/data/upload/1/{task_id}.png"


def make_task(task_id: int, *regions: Json, **data: object) -> Json:
    """A task whose image is ``path_of`` it, with regions in a prediction of a detector's."""
    stored = [{"id": 1, "model_version": "detector", "result": list(regions)}] if regions else []
    data = data or {"image": path_of(task_id)}
    return {"id": task_id, "data": data, "annotations": [], "predictions": stored}


def make_batch(*tasks: Json, label_config: str | None = LABEL_CONFIG) -> Json:
    """A call as "Retrieve predictions" makes it."""
    return {
        "tasks": list(tasks),
        "project": "3.1795394366",
        "label_config": label_config,
        "params": {"login": None, "password": None, "context": None},
    }


def results_of(backend: Backend, body: Json) -> list[Any]:
    response = backend.predict(body)
    assert response.status_code == 200, response.text
    assert response.json().keys() == {"results"}
    results: list[Any] = response.json()["results"]
    assert all(entry == [] or entry["result"] for entry in results), "an empty prediction"
    return results


def serve_images(host: Host, png: bytes, *task_ids: int) -> None:
    for task_id in task_ids:
        host.serve(path_of(task_id), png)
