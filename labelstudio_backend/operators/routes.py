"""What operators and their programs look at: the state, and the figures."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response

from ..http_bodies import make_answer
from ..reserved_threads import ReservedThreads
from .readiness import ReadinessProbe, describe_readiness
from .service_metrics import CONTENT_TYPE, ServiceMetrics
from .status_page import make_status_page

_THREADS = 2


def add_operator_routes(
    app: FastAPI,
    metrics: ServiceMetrics,
    describe: Callable[[], dict[str, object]] | None,
    readiness: ReadinessProbe | None,
) -> None:
    """Add ``/metrics``, and ``/ready`` and ``/status`` where there is something to look at.

    All have threads of their own: they are wanted most when all others are busy.
    """
    threads = ReservedThreads(_THREADS)

    @app.get("/metrics")
    async def show_metrics() -> Response:
        """What was done, how long it took, and how all parts are, for Prometheus."""
        return Response(await threads.run(metrics.render), media_type=CONTENT_TYPE)

    if readiness is not None:
        _add_ready(app, readiness, threads)
    if describe is None:
        return

    @app.get("/status")
    async def status(request: Request) -> Response:
        """How Redis, workers and queues are, and what failed; browsers get a page."""
        make = make_status_page if "text/html" in request.headers.get("Accept", "") else make_answer
        return await threads.run(lambda: make(describe()))


def _add_ready(app: FastAPI, readiness: ReadinessProbe, threads: ReservedThreads) -> None:
    @app.get("/ready")
    async def ready() -> Response:
        """Whether a click is answered now: each part that it needs, and 503 where one lacks."""
        found = await threads.run(readiness.read)
        status = HTTPStatus.OK if found.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return make_answer(describe_readiness(found), status)
