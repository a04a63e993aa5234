"""``/openapi.json``: the routes read their bodies by themselves, so that it is told here."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from . import answers
from .errors import BackendError
from .model_routes import RollBackRequest, UseModelRequest
from .play import MaskRequest
from .project_routes import WarmRequest
from .protocol import PredictRequest, SetupRequest, ValidateRequest, WebhookEvent
from .runs import AccountRequest, StartRequest

Json = dict[str, Any]

BODIES: Final[Mapping[str, type[BaseModel]]] = {
    "/predict": PredictRequest,
    "/setup": SetupRequest,
    "/validate": ValidateRequest,
    "/webhook": WebhookEvent,
    "/runs": StartRequest,
    "/runs/{run_id}/resume": AccountRequest,
    "/runs/{run_id}/retry-failed": AccountRequest,
    "/warm": WarmRequest,
    "/models/use": UseModelRequest,
    "/models/rollback": RollBackRequest,
    "/play/masks": MaskRequest,
}
"""Of POST, by path."""

_OPTIONAL_BODIES: Final = frozenset({"/runs/{run_id}/resume", "/runs/{run_id}/retry-failed"})
_FILES: Final = frozenset({"/play/images"})

ANSWERS: Final[Mapping[tuple[str, str], Mapping[str, type[BaseModel]]]] = {
    ("get", "/"): {"200": answers.HealthAnswer},
    ("get", "/health"): {"200": answers.HealthAnswer},
    ("get", "/ready"): {"200": answers.ReadyAnswer, "503": answers.ReadyAnswer},
    ("get", "/versions"): {"200": answers.VersionsAnswer},
    ("post", "/predict"): {"200": answers.PredictAnswer},
    ("post", "/setup"): {"200": answers.SetupAnswer},
    ("post", "/validate"): {"200": answers.ValidateAnswer},
    ("post", "/webhook"): {"200": answers.WebhookAnswer},
    ("get", "/runs"): {"200": answers.RunsAnswer},
    ("post", "/runs"): {"200": answers.RunPlanAnswer, "201": answers.RunAnswer},
    ("get", "/runs/{run_id}"): {"200": answers.RunAnswer},
    ("get", "/runs/{run_id}/predicted"): {"200": answers.PredictedAnswer},
    ("get", "/runs/{run_id}/failures"): {"200": answers.FailuresAnswer},
    ("post", "/runs/{run_id}/cancel"): {"200": answers.RunAnswer},
    ("post", "/runs/{run_id}/resume"): {"200": answers.RunAnswer},
    ("post", "/runs/{run_id}/retry-failed"): {"200": answers.RunAnswer},
    ("post", "/warm"): {"202": answers.WarmAnswer},
    ("get", "/models"): {"200": answers.ModelsAnswer},
    ("post", "/models/use"): {"200": answers.ModelChangeAnswer},
    ("post", "/models/rollback"): {"200": answers.ModelChangeAnswer},
}
"""By method and path, of each status that is not an error's."""

_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "/metrics": ("text/plain",),
    "/status": ("application/json", "text/html"),
    "/play/samples/{name}": ("image/*",),
    "/runs/{run_id}/pictures/{name}": ("image/jpeg",),
}
"""What other GET routes answer with, where it is not JSON."""

_REFERENCE = "#/components/schemas/{model}"
_LOGIN = "login"


def describe_bodies(app: FastAPI, has_login: bool) -> None:
    """Have an application describe what its routes read and answer.

    Args:
        app: with all its routes.
        has_login: whether calls but ``/health`` need one.
    """

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app, has_login)
        return app.openapi_schema

    # FastAPI's documented way.
    app.openapi = openapi  # type: ignore[method-assign]


def _describe(app: FastAPI, has_login: bool) -> Json:
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    successes = [model for of_route in ANSWERS.values() for model in of_route.values()]
    document.setdefault("components", {})["schemas"] = {
        **_make_schemas(BODIES.values(), "validation"),
        **_make_schemas([*successes, answers.ErrorAnswer], "serialization"),
    }
    errors = dict(_describe_errors())
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method == "post" and path in BODIES:
                operation["requestBody"] = {
                    "required": path not in _OPTIONAL_BODIES,
                    "content": _as_json(BODIES[path]),
                }
            elif method == "post" and path in _FILES:
                operation["requestBody"] = {"required": True, "content": {"*/*": {}}}
            operation["responses"] = {**errors, **_describe_success(method, path)}
            if path == "/health":
                operation["security"] = []
    if has_login:
        document["components"]["securitySchemes"] = {_LOGIN: {"type": "http", "scheme": "basic"}}
        document["security"] = [{_LOGIN: []}]
    return document


def _describe_success(method: str, path: str) -> Json:
    key = (method, path)
    if key in ANSWERS:
        return {
            status: {"description": (model.__doc__ or "").partition("\n")[0],
                     "content": _as_json(model)}
            for status, model in ANSWERS[key].items()
        }  # fmt: skip
    kinds = _KINDS.get(path, ("application/json",))
    return {"200": {"description": "As it says.", "content": {kind: {} for kind in kinds}}}


def _describe_errors() -> Iterator[tuple[str, Json]]:
    """Every status that an error of ours has, with the codes that come with it."""
    codes: dict[int, set[str]] = {404: {"no_such_call"}, 405: {"no_such_call"}}
    for error in _find_kinds(BackendError):
        codes.setdefault(error.status, set()).add(error.code)
    for status in sorted(codes):
        description = ", ".join(f"`{code}`" for code in sorted(codes[status]))
        content = _as_json(answers.ErrorAnswer)
        yield str(status), {"description": description, "content": content}


def _find_kinds(root: type[BackendError]) -> Iterator[type[BackendError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _find_kinds(kind)


def _as_json(model: type[BaseModel]) -> Json:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}


def _make_schemas(models: Iterable[type[BaseModel]], mode: Any) -> Json:
    unique = dict.fromkeys(models)
    _, schema = models_json_schema([(model, mode) for model in unique], ref_template=_REFERENCE)
    found: Json = schema["$defs"]
    return found
