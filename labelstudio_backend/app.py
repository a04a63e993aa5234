"""Label Studio's ML protocol over HTTP."""

import logging
from collections.abc import Mapping
from typing import TypeVar

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from .basic_auth import BasicAuth
from .errors import BackendError, InternalError, RequestInvalid, RequestTooLarge
from .prediction_service import PredictionService
from .protocol import PredictRequest, SetupRequest, ValidateRequest, WebhookEvent
from .settings import BackendSettings

logger = logging.getLogger(__name__)

_Body = TypeVar("_Body", bound=BaseModel)
_MODEL_CLASS = "EfficientSAM"
_SHOWN_PROBLEMS = 5


def create_app(service: PredictionService, settings: BackendSettings) -> FastAPI:
    """The ASGI application.

    Args:
        service: answers the questions.
        settings: login and request size.
    """
    app = FastAPI(
        title="EfficientSAM for Label Studio",
        docs_url=None,
        redoc_url=None,
        middleware=_make_middleware(settings),
        exception_handlers={
            BackendError: answer_error,
            HTTPException: answer_error,
            Exception: answer_error,
        },
    )
    _add_routes(app, service, settings.request_max_bytes)
    if settings.label_studio_api_key is not None and settings.label_studio_url is None:
        logger.warning("LABEL_STUDIO_API_KEY is sent nowhere, because LABEL_STUDIO_URL is not set")
    return app


def _add_routes(app: FastAPI, service: PredictionService, max_bytes: int) -> None:
    @app.get("/health")
    @app.get("/")
    async def health() -> Response:
        """Whether this process answers; never waits for a prediction."""
        return _answer(
            {
                "status": "UP",
                "model_class": _MODEL_CLASS,
                "model_version": service.model_version,
            }
        )

    @app.get("/versions")
    async def versions() -> Response:
        """The model versions there are to choose from."""
        return _answer({"versions": [service.model_version]})

    @app.post("/setup")
    async def setup(request: Request) -> Response:
        """Label Studio introduces itself and a project."""
        service.set_up(_parse(SetupRequest, await _read_body(request, max_bytes)))
        return _answer({"model_version": service.model_version})

    @app.post("/validate")
    async def validate(request: Request) -> Response:
        """Whether a label config works with this service, and what to change when it does not."""
        config = _parse(ValidateRequest, await _read_body(request, max_bytes))
        problems = service.find_problems(config.label_config)
        return _answer({"is_valid": not problems, "problems": problems})

    @app.post("/webhook")
    async def webhook(request: Request) -> Response:
        """Label Studio tells of an event; answered at once, it waits one second only."""
        event = _parse(WebhookEvent, await _read_body(request, max_bytes))
        project_id = event.project.id if event.project else None
        logger.info("webhook action=%.40r project=%.40r", event.action, project_id)
        return _answer({"status": "ok"})

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        """A click, or tasks to label without one."""
        body = await _read_body(request, max_bytes)

        # Reading and writing masks takes time too: all of it off the event loop.
        def answer() -> Response:
            return _answer({"results": service.predict(_parse(PredictRequest, body))})

        return await run_in_threadpool(answer)


async def answer_error(request: Request, error: Exception) -> Response:
    """The JSON answer for anything that went wrong; the log has the rest."""
    if isinstance(error, HTTPException):
        answer = BackendError(f"{request.method} {request.url.path}: {error.detail}")
        answer.status, answer.code = error.status_code, "no_such_call"
    elif isinstance(error, BackendError):
        answer = error
    else:
        logger.error("%s failed", request.url.path, exc_info=error)
        answer = InternalError("a fault of this service; its log has the traceback")
    logger.warning(
        "refused method=%s path=%.200r status=%d code=%s %s detail=%.2000r",
        request.method, request.url.path, answer.status, answer.code, answer.subject, answer.detail,
    )  # fmt: skip
    content = {"error": answer.code, "detail": answer.detail}
    return _answer(content, status=answer.status, headers=answer.headers)


def _make_middleware(settings: BackendSettings) -> list[Middleware]:
    user, password = settings.basic_auth_user, settings.basic_auth_pass
    if user is None or password is None:
        return []
    login = {"user": user, "password": password.get_secret_value()}
    return [Middleware(BasicAuth, **login, answer_error=answer_error)]


def _answer(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    # Masks are long lists of integers: pydantic writes them several times as fast as `json`.
    return Response(to_json(content), status, headers, "application/json")


async def _read_body(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise RequestTooLarge(
                    f"the request has more than {max_bytes:,} bytes; select fewer tasks at once, "
                    "or raise ESAM_REQUEST_MAX_BYTES"
                )
    except ClientDisconnect as error:
        raise RequestInvalid("the caller hung up before its request was read") from error
    return bytes(body)


def _parse(body_type: type[_Body], body: bytes) -> _Body:
    try:
        return body_type.model_validate_json(body)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        shown = "; ".join(problems[:_SHOWN_PROBLEMS])
        if len(problems) > _SHOWN_PROBLEMS:
            shown += f"; and {len(problems) - _SHOWN_PROBLEMS} more"
        raise RequestInvalid(f"the request cannot be read: {shown}") from None
