"""Runs over HTTP: what ``esam prelabel``, ``esam finetune`` and ``esam runs`` ask."""

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Annotated

import httpx
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, SecretStr
from starlette.concurrency import run_in_threadpool

from ..errors import RequestInvalid
from ..http_bodies import ReadBody, make_answer, parse_body
from ..label_studio.account import LabelStudioAccount
from .box_keys import box_key
from .run import Run, RunKind, RunOptions, RunProgress, RunState, StoredBox
from .run_service import RunService

FindAccount = Callable[[int, LabelStudioAccount | None], LabelStudioAccount]


class AccountRequest(BaseModel):
    """A body that may say which Label Studio is meant."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    label_studio_url: str | None = None
    label_studio_api_key: SecretStr | None = None

    def to_account(self) -> LabelStudioAccount | None:
        """The account, None when none was given.

        Raises:
            RequestInvalid: the URL is none, or there is a token without one.
        """
        if self.label_studio_url is None:
            if self.label_studio_api_key is not None:
                raise RequestInvalid("label_studio_api_key needs label_studio_url beside it")
            return None
        try:
            url = httpx.URL(self.label_studio_url.strip().rstrip("/"))
        except httpx.InvalidURL as error:
            raise RequestInvalid("label_studio_url is not a URL") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise RequestInvalid("label_studio_url must start with http:// or https://")
        if url.userinfo:
            raise RequestInvalid(
                "label_studio_url must not hold a login; give a token as label_studio_api_key"
            )
        return LabelStudioAccount(url, self.label_studio_api_key)


class BoxLine(BaseModel):
    """A line of a file of boxes, original pixels."""

    task: int | None = None
    image: str | None = None
    label: str | None = None
    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


class StartRequest(AccountRequest, RunOptions):
    """Body of ``POST /runs``."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    project: Annotated[int, Field(gt=0)]
    kind: RunKind = RunKind.PRELABEL
    boxes: tuple[BoxLine, ...] | None = None
    dry_run: bool = False

    def check_learning(self) -> None:
        """Of a learning run only the numbers of tasks and steps can be chosen.

        Raises:
            RequestInvalid: something else was.
        """
        chosen = RunOptions(limit=self.limit, steps=self.steps)
        if self.to_options() != chosen or self.boxes or self.dry_run:
            raise RequestInvalid(
                "kind='learning' goes with project, limit, steps, label_studio_url and "
                "label_studio_api_key alone; it learns from what was accepted"
            )

    def to_options(self) -> RunOptions:
        """What the run shall do."""
        return RunOptions(**{name: getattr(self, name) for name in RunOptions.model_fields})

    def group_boxes(self) -> dict[str, list[StoredBox]]:
        """The boxes by the key under which their task finds them.

        Raises:
            RequestInvalid: a line names neither task nor image.
        """
        grouped: dict[str, list[StoredBox]] = {}
        for number, line in enumerate(self.boxes or (), 1):
            if line.task is None and not line.image:
                raise RequestInvalid(f"box {number} names neither a task nor an image")
            box = StoredBox(label=line.label, box=line.box)
            grouped.setdefault(box_key(line.task, line.image), []).append(box)
        return grouped


def add_run_routes(
    app: FastAPI, runs: RunService, find_account: FindAccount, read_body: ReadBody
) -> None:
    """Add ``/runs`` to the application.

    Args:
        app: the application.
        runs: answers.
        find_account: the account of a project, where the body gives none.
        read_body: reads a request's body.
    """

    def describe(run_id: str) -> dict[str, object]:
        return describe_run(*runs.find(run_id), time.time())

    @app.post("/runs")
    async def start(request: Request) -> Response:
        """Start a run, or say what it would do."""
        order = parse_body(StartRequest, await read_body(request))

        def work() -> Response:
            if order.kind is RunKind.LEARNING:
                order.check_learning()
            account = find_account(order.project, order.to_account())
            if order.kind is RunKind.LEARNING:
                run = runs.start_learning(order.project, account, order.to_options())
                return make_answer(describe(run.id), status=201)
            if order.dry_run:
                return make_answer(runs.count_tasks(order.project, account, order.to_options()))
            run = runs.start(order.project, account, order.to_options(), order.group_boxes())
            return make_answer(describe(run.id), status=201)

        return await run_in_threadpool(work)

    @app.get("/runs")
    async def list_runs() -> Response:
        """The latest runs."""

        def work() -> Response:
            now = time.time()
            return make_answer({"runs": [describe_run(*found, now) for found in runs.list_runs()]})

        return await run_in_threadpool(work)

    @app.get("/runs/{run_id}")
    async def show(run_id: str) -> Response:
        """How far a run is."""
        return await run_in_threadpool(lambda: make_answer(describe(run_id)))

    @app.get("/runs/{run_id}/predicted")
    async def predicted(run_id: str) -> Response:
        """Which tasks got a prediction."""
        return await run_in_threadpool(lambda: make_answer({"tasks": runs.find_predicted(run_id)}))

    @app.get("/runs/{run_id}/pictures/{name}")
    async def picture(run_id: str, name: str) -> Response:
        """A picture of what learning changed."""

        def work() -> Response:
            return Response(runs.find_picture(run_id, name), media_type="image/jpeg")

        return await run_in_threadpool(work)

    @app.get("/runs/{run_id}/failures")
    async def failures(run_id: str) -> Response:
        """Which tasks failed, and why."""

        def work() -> Response:
            found = runs.find_failures(run_id)
            return make_answer({"failures": [{"task": k, "reason": v} for k, v in found.items()]})

        return await run_in_threadpool(work)

    @app.post("/runs/{run_id}/cancel")
    async def cancel(run_id: str) -> Response:
        """End a run."""

        def work() -> Response:
            runs.cancel(run_id)
            return make_answer(describe(run_id))

        return await run_in_threadpool(work)

    @app.post("/runs/{run_id}/resume")
    async def resume(run_id: str, request: Request) -> Response:
        """Go on with a run."""
        account = parse_body(AccountRequest, await read_body(request) or b"{}").to_account()

        def work() -> Response:
            runs.resume(run_id, account)
            return make_answer(describe(run_id))

        return await run_in_threadpool(work)

    @app.post("/runs/{run_id}/retry-failed")
    async def retry_failed(run_id: str, request: Request) -> Response:
        """Try a run's failed tasks again."""
        account = parse_body(AccountRequest, await read_body(request) or b"{}").to_account()

        def work() -> Response:
            runs.retry_failed(run_id, account)
            return make_answer(describe(run_id))

        return await run_in_threadpool(work)


def describe_run(run: Run, progress: RunProgress, now: float) -> dict[str, object]:
    """A run as it is answered; ``now`` is unix time."""
    is_planning = progress.state is RunState.RUNNING and progress.is_listing
    return {
        "id": run.id,
        "kind": run.kind.value,
        "project": run.project,
        "project_title": run.project_title,
        "label_studio_url": run.label_studio_url,
        "model_version": run.model_version,
        "prompts": None if run.kind is RunKind.LEARNING else run.options.prompts.value,
        "state": "planning" if is_planning else progress.state.value,
        "reason": progress.reason,
        "created_at": _iso(run.created_at),
        "finished_at": _iso(progress.finished_at),
        "total": progress.total,
        "done": progress.done,
        "skipped": progress.skipped,
        "already_predicted": progress.already_predicted,
        "failed": progress.failed,
        "rate_per_s": progress.rate_per_s(now),
        "time_left_s": None if progress.learning else progress.time_left_s(now),
        "learning": progress.learning and progress.learning.model_dump(),
        "report": progress.report and progress.report.model_dump(),
    }


def _iso(time_s: float | None) -> str | None:
    if time_s is None:
        return None
    return datetime.fromtimestamp(time_s, tz=timezone.utc).isoformat(timespec="seconds")
