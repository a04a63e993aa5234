"""Label Studio's ML protocol over HTTP."""

import logging
import time

from fastapi import FastAPI, Request, Response
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from core import EfficientSAMError
from worker import WorkerError

from .basic_auth import BasicAuth
from .call_limit import CallLimit
from .errors import BackendError, Superseded, is_fault, translate_error
from .foreign_pages import RefuseForeignPages
from .http_bodies import ReadBody, make_answer, parse_body, read_bounded
from .model_routes import add_model_routes
from .openapi import describe_bodies
from .operators.readiness import ReadinessProbe
from .operators.request_observer import RequestObserver, note_outcome
from .operators.routes import add_operator_routes
from .operators.service_observer import ServiceObserver
from .operators.service_status import describe_service
from .operators.state_metrics import StateMetrics
from .play import Playground, add_play_routes
from .prediction_service import PredictionService
from .project_routes import add_project_routes
from .project_work import ProjectWork
from .protocol import PredictRequest, SetupRequest, ValidateRequest, WebhookEvent
from .reserved_threads import ReservedThreads
from .settings import BackendSettings

logger = logging.getLogger(__name__)

_MODEL_CLASS = "EfficientSAM"
_QUICK_THREADS = 4
_FEWER = "select fewer tasks at once, or raise ESAM_REQUEST_MAX_BYTES"


def create_app(
    service: PredictionService,
    settings: BackendSettings,
    work: ProjectWork | None = None,
    playground: Playground | None = None,
    observer: ServiceObserver | None = None,
    readiness: ReadinessProbe | None = None,
) -> FastAPI:
    """The ASGI application.

    Args:
        service: answers the questions.
        settings: login and request size.
        work: whole projects; None leaves out runs and warm starts.
        playground: answers the page ``/play``; None leaves it out.
        observer: looks at the service; None leaves out its status.
        readiness: looks at what clicks need; None leaves out ``/ready``.
    """
    app = FastAPI(
        title="EfficientSAM for Label Studio",
        docs_url=None,
        redoc_url=None,
        middleware=_make_middleware(service, settings),
        exception_handlers={
            BackendError: answer_error,
            EfficientSAMError: answer_error,
            WorkerError: answer_error,
            RedisError: answer_error,
            HTTPException: answer_error,
        },
    )

    async def read_body(request: Request) -> bytes:
        return await read_bounded(request, settings.request_max_bytes, _FEWER)

    limit = CallLimit(settings.max_waiting)
    _add_routes(app, service, work, read_body, limit)
    if work is not None:
        add_project_routes(app, work, read_body)
        add_model_routes(app, work, read_body)
    if playground is not None:
        add_play_routes(app, playground, read_body, settings.image_max_bytes, limit)
    _add_operator_routes(app, service, settings, observer, readiness)
    describe_bodies(app, has_login=settings.basic_auth_user is not None)
    if settings.label_studio_api_key is not None and settings.label_studio_url is None:
        logger.warning("LABEL_STUDIO_API_KEY is sent nowhere, because LABEL_STUDIO_URL is not set")
    return app


def _add_routes(
    app: FastAPI,
    service: PredictionService,
    work: ProjectWork | None,
    read_body: ReadBody,
    limit: CallLimit,
) -> None:
    @app.get("/health")
    @app.get("/")
    async def health() -> Response:
        """Whether this process answers; never waits for a prediction."""
        return make_answer(
            {
                "status": "UP",
                "model_class": _MODEL_CLASS,
                "model_version": service.model_version,
            }
        )

    @app.get("/versions")
    async def versions() -> Response:
        """The model versions there are to choose from: the model's own, and what was learned."""

        def answer() -> Response:
            learned = work.list_learned_versions() if work is not None else []
            return make_answer({"versions": [service.model_version, *learned]})

        return await run_in_threadpool(answer)

    # Label Studio waits three seconds for the first and one for the last, whatever it sends and
    # however many clicks wait.
    threads = ReservedThreads(_QUICK_THREADS)

    @app.post("/setup")
    async def setup(request: Request) -> Response:
        """Label Studio introduces itself and a project."""
        body = await read_body(request)

        def answer() -> Response:
            introduction = parse_body(SetupRequest, body)
            service.set_up(introduction)
            version = service.find_model_version(introduction.project)
            return make_answer({"model_version": version})

        return await threads.run(answer)

    @app.post("/validate")
    async def validate(request: Request) -> Response:
        """Whether a label config works with this service, and what to change when it does not."""
        body = await read_body(request)

        def find_problems() -> list[str]:
            return service.find_problems(parse_body(ValidateRequest, body).label_config)

        problems = await threads.run(find_problems)
        return make_answer({"is_valid": not problems, "problems": problems})

    @app.post("/webhook")
    async def webhook(request: Request) -> Response:
        """Label Studio tells of an event; answered at once, it waits one second only."""
        body = await read_body(request)

        def handle() -> None:
            event = parse_body(WebhookEvent, body)
            project_id = event.project.id if event.project else None
            logger.info("webhook action=%.40r project=%.40r", event.action, project_id)
            if work is not None:
                work.handle_event(event)

        await threads.run(handle)
        return make_answer({"status": "ok"})

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        """A click, or tasks to label without one."""
        with limit.admitted():
            body = await read_body(request)

            # Reading and writing masks takes time too: all of it off the event loop.
            def answer() -> Response:
                return make_answer({"results": service.predict(parse_body(PredictRequest, body))})

            return await run_in_threadpool(answer)


def _add_operator_routes(
    app: FastAPI,
    service: PredictionService,
    settings: BackendSettings,
    observer: ServiceObserver | None,
    readiness: ReadinessProbe | None,
) -> None:
    if observer is None:
        add_operator_routes(app, service.metrics, None, readiness)
        return
    service.metrics.add_collector(StateMetrics(observer))

    def describe() -> dict[str, object]:
        return describe_service(observer.read(), settings, observer.failures.list(), time.time())

    add_operator_routes(app, service.metrics, describe, readiness)


async def answer_error(request: Request, error: Exception) -> Response:
    """The JSON answer for anything that went wrong; the log has the rest."""
    if isinstance(error, HTTPException):
        answer = BackendError(f"{request.method} {request.url.path}: {error.detail}")
        answer.status, answer.code = error.status_code, "no_such_call"
    else:
        answer = translate_error(error)
        if is_fault(error):
            logger.error("%s failed", request.url.path, exc_info=error)
    note_outcome(request, answer.code)
    logger.log(
        # What nobody waits for any more is no failure.
        logging.INFO if isinstance(answer, Superseded) else logging.WARNING,
        "refused method=%s path=%.200r status=%d code=%s %s detail=%.2000r",
        request.method, request.url.path, answer.status, answer.code, answer.subject, answer.detail,
    )  # fmt: skip
    content = {"error": answer.code, "detail": answer.detail}
    return make_answer(content, status=answer.status, headers=answer.headers)


def _make_middleware(service: PredictionService, settings: BackendSettings) -> list[Middleware]:
    outer = [
        Middleware(RequestObserver, service.metrics, answer_error),
        Middleware(RefuseForeignPages, answer_error),
    ]
    user, password = settings.basic_auth_user, settings.basic_auth_pass
    if user is None or password is None:
        return outer
    login = {"user": user, "password": password.get_secret_value()}
    return [*outer, Middleware(BasicAuth, **login, answer_error=answer_error)]
