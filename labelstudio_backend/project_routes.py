"""Whole projects over HTTP: runs and warm starts."""

from typing import Annotated

from fastapi import FastAPI, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from .http_bodies import ReadBody, make_answer, parse_body
from .project_work import ProjectWork
from .runs import AccountRequest, add_run_routes


class WarmRequest(AccountRequest):
    """Body of ``POST /warm``."""

    project: Annotated[int, Field(gt=0)]
    limit: Annotated[int, Field(gt=0)] | None = None


def add_project_routes(app: FastAPI, work: ProjectWork, read_body: ReadBody) -> None:
    """Add ``/runs`` and ``/warm`` to the application."""
    add_run_routes(app, work.runs, work.find_account, read_body)

    @app.post("/warm")
    async def warm(request: Request) -> Response:
        """Order the embeddings of a project's tasks."""
        order = parse_body(WarmRequest, await read_body(request))

        def answer() -> Response:
            account = work.find_account(order.project, order.to_account())
            return make_answer(work.warm_project(order.project, account, order.limit), status=202)

        return await run_in_threadpool(answer)
