"""A project on the real Label Studio, and the same on its stand-in."""

from typing import Any, Protocol

import httpx

from ..label_studio_stand_in import LabelStudioStandIn
from .label_studio import LABEL_CONFIG, LabelStudio

RECTANGLE = {
    "id": "a",
    "from_name": "tag3",
    "to_name": "image",
    "type": "rectanglelabels",
    "original_width": 600,
    "original_height": 400,
    "image_rotation": 0,
    "value": {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0, "rectanglelabels": ["Dog"]},
}
IMAGES = [f"/data/upload/1/{i}.jpg" for i in range(7)]
Filters = dict[str, Any]


class Studio(Protocol):
    """A project with seven tasks, on the real server or its stand-in."""

    url: str
    token: str
    project_id: int
    task_ids: list[int]

    @property
    def personal_access_token(self) -> str: ...
    def annotate(self, task_id: int) -> None: ...
    def draft(self, task_id: int) -> None: ...
    def add_view(self, filters: Filters, ordering: list[str]) -> int: ...
    def delete_task(self, task_id: int) -> None: ...


class RealStudio:
    """A new project of the real server."""

    def __init__(self, label_studio: LabelStudio) -> None:
        self._api = label_studio.api
        self.url, self.token = label_studio.url, label_studio.token
        self.project_id = self._create(
            "/api/projects", {"title": "Stand-in", "label_config": LABEL_CONFIG}
        )
        tasks = [{"image": image} for image in IMAGES]
        self._api.post(f"/api/projects/{self.project_id}/import", json=tasks).raise_for_status()
        self.task_ids = sorted(label_studio.task_ids(self.project_id))

    @property
    def personal_access_token(self) -> str:
        # There may be one at a time.
        for kept in self._api.get("/api/token/").json():
            self._api.post("/api/token/blacklist/", json={"refresh": kept["token"]})
        token: str = self._api.post("/api/token/").json()["token"]
        return token

    def annotate(self, task_id: int) -> None:
        self._create(f"/api/tasks/{task_id}/annotations/", {"result": [RECTANGLE]})

    def draft(self, task_id: int) -> None:
        self._create(f"/api/tasks/{task_id}/drafts", {"result": [RECTANGLE]})

    def add_view(self, filters: Filters, ordering: list[str]) -> int:
        tab = {"title": "Tab", "type": "list", "filters": filters, "ordering": ordering}
        return self._create("/api/dm/views/", {"project": self.project_id, "data": tab})

    def delete_task(self, task_id: int) -> None:
        self._api.delete(f"/api/tasks/{task_id}").raise_for_status()

    def connect_model(self, url: str) -> None:
        """Connect a model that is asked whenever tasks without predictions are listed."""
        project = f"/api/projects/{self.project_id}"
        self._api.patch(project, json={"evaluate_predictions_automatically": True})
        self._create("/api/ml", {"url": url, "project": self.project_id, "title": "model"})

    def add_cloud_task(self, uri: str, endpoint: str, *, is_signed: bool) -> int:
        """Connect the bucket of a URI, and import a task with it; its id."""
        storage = {
            "project": self.project_id,
            "title": "bucket",
            "bucket": httpx.URL(uri).host,
            "s3_endpoint": endpoint,
            "aws_access_key_id": "key",
            "aws_secret_access_key": "secret",
            "presign": is_signed,
        }
        self._create("/api/storages/s3", storage)
        self._api.post(
            f"/api/projects/{self.project_id}/import", json=[{"image": uri}]
        ).raise_for_status()
        page = {"project": self.project_id, "page_size": 100}
        ids = [task["id"] for task in self._api.get("/api/tasks", params=page).json()["tasks"]]
        return max(ids)

    def _create(self, path: str, body: dict[str, Any]) -> int:
        reply = self._api.post(path, json=body)
        assert reply.is_success, reply.text
        number: int = reply.json()["id"]
        return number


class StandInStudio:
    """The project of a stand-in."""

    def __init__(self, stand_in: LabelStudioStandIn) -> None:
        self._stand_in = stand_in
        self.url, self.token = stand_in.url, stand_in.token or ""
        self.project_id = stand_in.project.id
        self.task_ids = stand_in.add_tasks([{"image": image} for image in IMAGES])

    @property
    def personal_access_token(self) -> str:
        return self._stand_in.personal_access_token

    def annotate(self, task_id: int) -> None:
        annotation = {"id": 1, "result": [RECTANGLE], "was_cancelled": False}
        self._stand_in.project.annotations[task_id] = [annotation]

    def draft(self, task_id: int) -> None:
        self._stand_in.project.drafts[task_id] = [{"id": 1, "result": [RECTANGLE]}]

    def add_view(self, filters: Filters, ordering: list[str]) -> int:
        self._stand_in.project.views[1] = {"filters": filters, "ordering": ordering}
        return 1

    def delete_task(self, task_id: int) -> None:
        self._stand_in.delete_task(task_id)
