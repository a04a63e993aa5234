"""Learned models over HTTP: what ``esam models`` asks."""

from datetime import datetime, timezone
from typing import Annotated

from fastapi import FastAPI, Request, Response
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from .http_bodies import ReadBody, make_answer, parse_body
from .models import LearnedModel
from .project_work import ProjectWork
from .runs import AccountRequest


class RollBackRequest(AccountRequest):
    """Body of ``POST /models/rollback``."""

    project: Annotated[int, Field(gt=0)]


class UseModelRequest(RollBackRequest):
    """Body of ``POST /models/use``."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str


def add_model_routes(app: FastAPI, work: ProjectWork, read_body: ReadBody) -> None:
    """Add ``/models`` to the application."""

    @app.get("/models")
    async def list_models() -> Response:
        """What was learned, and what each project uses."""

        def answer() -> Response:
            work.models.restore()
            used = work.models.store.list_used()
            learned = work.models.store.list_models()
            return make_answer(
                {
                    "base": work.models.base.model_version,
                    "models": [
                        _describe_model(model, work.models.is_usable(model)) for model in learned
                    ],
                    "projects": [
                        {"key": project, "model_version": versions[0], "before": versions[1:]}
                        for project, versions in used.items()
                        if versions
                    ],
                }
            )

        return await run_in_threadpool(answer)

    @app.post("/models/use")
    async def use(request: Request) -> Response:
        """Let a project use a version from now on."""
        order = parse_body(UseModelRequest, await read_body(request))

        def answer() -> Response:
            project, _ = work.find_project(order.project, order.to_account())
            before = work.models.find(project.key).model_version
            work.models.use(project.key, order.model_version)
            return make_answer(_describe_change(order.project, before, order.model_version))

        return await run_in_threadpool(answer)

    @app.post("/models/rollback")
    async def roll_back(request: Request) -> Response:
        """Let a project use what it used before."""
        order = parse_body(RollBackRequest, await read_body(request))

        def answer() -> Response:
            project, _ = work.find_project(order.project, order.to_account())
            before = work.models.find(project.key).model_version
            now = work.models.roll_back(project.key)
            return make_answer(_describe_change(order.project, before, now))

        return await run_in_threadpool(answer)


def _describe_change(project: int, before: str, now: str) -> dict[str, object]:
    return {"project": project, "model_version": now, "before": before}


def _describe_model(model: LearnedModel, is_usable: bool) -> dict[str, object]:
    lesson = model.lesson
    created_at = datetime.fromtimestamp(lesson.created_at, tz=timezone.utc)
    return {
        "model_version": model.version,
        "is_usable": is_usable,
        "size_bytes": model.size_bytes,
        "project_key": lesson.project,
        "project_title": lesson.project_title,
        "label_studio_url": lesson.label_studio_url,
        "run": lesson.run,
        "created_at": created_at.isoformat(timespec="seconds"),
        "masks": lesson.masks,
        "images": lesson.images,
        "figures": [figures.model_dump() for figures in lesson.figures],
    }
