"""The one project of ``LabelStudioStandIn``: tasks, what belongs to them, and their lists."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

Json = dict[str, Any]
Answer = tuple[int, object, dict[str, str]]
"""Status, body (JSON, or bytes as they are), headers."""

LABEL_CONFIG = """<View><Image name="image" value="$image"/>
<BrushLabels name="tag" toName="image"><Label value="Dog"/><Label value="Cat"/></BrushLabels>
<KeyPointLabels name="tag2" toName="image" smart="true" smartOnly="true"><Label value="Dog"/>
<Label value="Cat"/></KeyPointLabels>
<RectangleLabels name="tag3" toName="image" smart="true" smartOnly="true"><Label value="Dog"/>
<Label value="Cat"/></RectangleLabels></View>"""
_VERSIONS = "tasks:predictions_model_versions"
_MAX_VERSIONS_CHARS = 500
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "equal": lambda mine, value: mine == value,
    "greater": lambda mine, value: mine > value,
    "less": lambda mine, value: mine < value,
    "contains": lambda mine, value: any(part in one for one in mine for part in value),
    "not_contains": lambda mine, value: not any(part in one for one in mine for part in value),
}


@dataclass
class StandInProject:
    """Tasks in order of their ids; listing costs a page, not the project, but for filters.

    Attributes:
        id: the project.
        label_config: its XML.
        title: its name.
        created_at: as Label Studio writes times.
        keeps_results: whether predictions keep their results, which are long; else ``result`` is a
            list of as many empty objects.
        max_page_size: as Label Studio's setting TASK_API_PAGE_SIZE_MAX.
        predictions: by task.
        annotations: by task.
        drafts: by task.
        views: tabs of the data manager by id, ``{"filters": {...}, "ordering": [...]}``.
    """

    id: int = 1
    label_config: str = LABEL_CONFIG
    title: str = "Stand-in"
    created_at: str = "2026-11-23T21:34:06.655050Z"
    keeps_results: bool = True
    max_page_size: int | None = None
    predictions: dict[int, list[Json]] = field(default_factory=dict)
    annotations: dict[int, list[Json]] = field(default_factory=dict)
    drafts: dict[int, list[Json]] = field(default_factory=dict)
    views: dict[int, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._data: dict[int, Json] = {}
        self._ids: list[int] = []
        self._last_id = 0
        self._last_prediction_id = 0

    @property
    def task_ids(self) -> list[int]:
        """All tasks, in order."""
        return list(self._ids)

    def add(self, data: Sequence[Json]) -> list[int]:
        """Import tasks; their ids."""
        first = self._last_id + 1
        self._last_id += len(data)
        added = list(range(first, self._last_id + 1))
        self._data.update(zip(added, data, strict=True))
        self._ids += added
        return added

    def delete(self, task_id: int) -> None:
        """Delete a task with all that belongs to it."""
        del self._data[task_id]
        self._ids.remove(task_id)
        for kept in (self.predictions, self.annotations, self.drafts):
            kept.pop(task_id, None)

    def describe(self) -> Answer:
        """``GET /api/projects/<id>``."""
        named = ("id", "title", "label_config", "created_at")
        return ok({name: getattr(self, name) for name in named} | {"task_number": len(self._ids)})

    def list_tasks(self, query: dict[str, str]) -> Answer:
        """``GET /api/tasks``."""
        if int(query["project"]) != self.id:
            return error(404, "No Project matches the given query.")
        chosen: Json = json.loads(query.get("query", "{}"))
        if "view" in query:  # everything else is ignored then
            if int(query["view"]) not in self.views:
                return error(404, "No View matches the given query.")
            chosen = self.views[int(query["view"])]
        try:
            ids = self._choose(chosen)
        except (KeyError, TypeError):
            return error(500, "Cannot resolve keyword into field.")
        page, size = int(query.get("page", 1)), int(query.get("page_size", 100))
        size = min(size, self.max_page_size or size)
        if page > 1 and (page - 1) * size >= len(ids):
            return error(404, "Invalid page.")
        is_full, is_review = query.get("fields") == "all", query.get("review") == "true"
        hidden = chosen.get("hiddenColumns", {}).get("explore")
        has_versions = not is_review and (is_full or (bool(hidden) and _VERSIONS not in hidden))
        listed = ids[(page - 1) * size : page * size]
        rows = [self._make_row(task_id, is_full, has_versions) for task_id in listed]
        return ok({"total": len(ids), "tasks": rows})

    def list_predictions(self, task_id: int) -> Answer:
        """``GET /api/predictions/?task=<id>``."""
        if task_id not in self._data:
            return invalid(
                "task", "Select a valid choice. That choice is not one of the available."
            )
        return ok(list(self.predictions.get(task_id, [])))

    def post_prediction(self, posted: Json) -> Answer:
        """``POST /api/predictions/``."""
        task_id, project_id = posted.get("task"), posted.get("project")
        if task_id not in self._data:
            return invalid("task", f'Invalid pk "{task_id}" - object does not exist.')
        if project_id != self.id:
            return invalid("project", f'Invalid pk "{project_id}" - object does not exist.')
        if not isinstance(posted.get("score"), float | int | None):
            return invalid("score", "A valid number is required.")
        if not self.keeps_results:
            posted["result"] = [{} for _ in posted["result"]]
        self._last_prediction_id += 1
        now = datetime.now(timezone.utc).isoformat()
        stored = {"id": self._last_prediction_id, **posted, "created_at": now, "updated_at": now}
        self.predictions.setdefault(task_id, []).append(stored)
        return 201, stored, {}

    def delete_prediction(self, prediction_id: int) -> Answer:
        """``DELETE /api/predictions/<id>/``."""
        for stored in self.predictions.values():
            stored[:] = [one for one in stored if one["id"] != prediction_id]
        return 204, b"", {}

    def _choose(self, chosen: Json) -> list[int]:
        selected = chosen.get("selectedItems", {"all": True})
        ids = self._ids
        if not selected["all"] and selected["included"]:
            ids = sorted(task_id for task_id in selected["included"] if task_id in self._data)
        filters = chosen.get("filters") or {"items": []}
        if filters["items"]:
            combine = all if filters["conjunction"] == "and" else any
            ids = [i for i in ids if combine(self._matches(i, one) for one in filters["items"])]
        return ids[::-1] if chosen.get("ordering") == ["-tasks:id"] else ids

    def _matches(self, task_id: int, one: Json) -> bool:
        fields = {
            "filter:tasks:id": task_id,
            "filter:tasks:total_predictions": len(self.predictions.get(task_id, [])),
            f"filter:{_VERSIONS}": self._versions(task_id),
        }
        return _COMPARE[one["operator"]](fields[one["filter"]], one["value"])

    def _versions(self, task_id: int) -> list[str]:
        return [one["model_version"] for one in self.predictions.get(task_id, [])]

    def _make_row(self, task_id: int, is_full: bool, has_versions: bool) -> Json:
        versions = ",".join(dict.fromkeys(self._versions(task_id))) if has_versions else ""
        predictions = self.predictions.get(task_id, [])
        annotations = self.annotations.get(task_id, [])
        row: Json = {
            "id": task_id,
            "drafts": list(self.drafts.get(task_id, [])) if is_full else [],
            "total_annotations": len(annotations),
            "total_predictions": len(predictions),
            "predictions_model_versions": versions[:_MAX_VERSIONS_CHARS],
            "data": self._data[task_id],
            "project": self.id,
        }
        full = {"annotations": list(annotations), "predictions": list(predictions)}
        return row | full if is_full else row


def ok(body: object) -> Answer:
    """A call that went well."""
    return 200, body, {}


def error(status: int, detail: str) -> Answer:
    """Label Studio's own form of an error."""
    return status, {"status_code": status, "version": "1.23.2", "detail": detail}, {}


def invalid(name: str, words: str) -> Answer:
    """A field that Label Studio does not take."""
    body = {"status_code": 400, "version": "1.23.2", "detail": "Validation error"}
    return 400, {**body, "validation_errors": {name: [words]}}, {}
