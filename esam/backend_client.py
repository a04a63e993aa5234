"""Our backend's HTTP API, for the commands that ask it for something."""

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from .backend_answers import (
    BackendStatus,
    FailureList,
    ModelChange,
    ModelList,
    PredictedTasks,
    Run,
    RunList,
    RunPlan,
    WarmOrder,
)
from .errors import BackendAway, BackendCallError, BackendRefusal, OptionInvalid

DEFAULT_URL = "http://localhost:9090"

_Answer = TypeVar("_Answer", bound=BaseModel)
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
# The backend may read a whole project from Label Studio before it answers.
_ORDER_TIMEOUT = httpx.Timeout(600.0, connect=5.0)
# Redis or a proxy in front of the backend is not there at the moment.
_AWAY = (502, 503, 504)
_SHOWN_CHARACTERS = 300


class BackendClient:
    """Talks to one backend.

    Args:
        url: where it listens.
        login: user and password, where it asks for one.
    """

    def __init__(self, url: str, login: tuple[str, str] | None = None) -> None:
        self.url = check_url(url, "--backend-url")
        self._client = httpx.Client(
            base_url=self.url,
            auth=httpx.BasicAuth(*login) if login else None,
            timeout=_TIMEOUT,
            verify=httpx.create_ssl_context(),
            # The backend is nearly always on this machine or beside it: never through a proxy.
            trust_env=False,
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def __enter__(self) -> "BackendClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> object:
        """One call; the JSON it is answered with.

        Raises:
            BackendAway: nothing usable answers there now.
            BackendRefusal: the backend says no.
            BackendCallError: what answers there is not our backend.
        """
        return self._read_json(self._request(method, path, body))

    def start_run(self, order: Mapping[str, object]) -> Run:
        """Start predicting the tasks of a project, or learning from them."""
        return self._read(Run, self.ask("POST", "/runs", order))

    def plan_run(self, order: Mapping[str, object]) -> RunPlan:
        """What the same order would start."""
        return self._read(RunPlan, self.ask("POST", "/runs", {**order, "dry_run": True}))

    def list_runs(self) -> tuple[Run, ...]:
        """All runs the backend knows, newest first."""
        return self._read(RunList, self.ask("GET", "/runs")).runs

    def find_run(self, run_id: str) -> Run:
        """How far a run is."""
        return self._read(Run, self.ask("GET", run_path(run_id)))

    def find_failures(self, run_id: str) -> FailureList:
        """The tasks of a run that could not be predicted."""
        return self._read(FailureList, self.ask("GET", f"{run_path(run_id)}/failures"))

    def find_predicted(self, run_id: str) -> tuple[int, ...]:
        """The tasks that a run gave a prediction."""
        answer = self.ask("GET", f"{run_path(run_id)}/predicted")
        return self._read(PredictedTasks, answer).tasks

    def load_picture(self, run_id: str, name: str) -> bytes:
        """A picture of what learning changed, as a JPEG file."""
        path = f"{run_path(run_id)}/pictures/{quote(name, safe='')}"
        return self._request("GET", path).content

    def list_models(self) -> ModelList:
        """What was learned, and who uses what."""
        return self._read(ModelList, self.ask("GET", "/models"))

    def change_model(self, change: str, order: Mapping[str, object]) -> ModelChange:
        """``use`` or ``rollback``."""
        return self._read(ModelChange, self.ask("POST", f"/models/{change}", order))

    def change_run(self, run_id: str, change: str, body: Mapping[str, object] | None = None) -> Run:
        """``cancel``, ``resume`` or ``retry-failed``."""
        return self._read(Run, self.ask("POST", f"{run_path(run_id)}/{change}", body or {}))

    def warm(self, order: Mapping[str, object]) -> WarmOrder:
        """Have the images of a project encoded."""
        return self._read(WarmOrder, self.ask("POST", "/warm", order))

    def find_status(self) -> BackendStatus:
        """The backend, its Redis and its workers."""
        return self._read(BackendStatus, self.ask("GET", "/status"))

    def _request(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> httpx.Response:
        try:
            response = self._client.request(
                method, path, json=body, timeout=_TIMEOUT if method == "GET" else _ORDER_TIMEOUT
            )
        except httpx.HTTPError as error:
            raise self._explain_away(method, path, error) from error
        if response.is_success:
            return response
        raise self._explain_refusal(response)

    def _read(self, answer_type: type[_Answer], answer: object) -> _Answer:
        try:
            return answer_type.model_validate(answer)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"])) or "answer"
            raise BackendCallError(
                f"{self.url} answers in another way than this command expects ({place}: "
                f"{problem['msg']}); is it a backend of this version?"
            ) from error

    def _read_json(self, response: httpx.Response) -> object:
        try:
            return response.json()
        except ValueError as error:
            raise BackendCallError(
                f"what answers at {self.url} is not our backend (no JSON); correct --backend-url "
                "or ESAM_BACKEND_URL"
            ) from error

    def _explain_away(self, method: str, path: str, error: httpx.HTTPError) -> BackendAway:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return BackendAway(
                f"nothing answers at {self.url} ({error}); start the backend with `esam run`, or "
                "say where it is with --backend-url or ESAM_BACKEND_URL"
            )
        detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        message = f"{self.url} broke off {method} {path} ({detail})"
        if method != "GET":
            message += "; it may have been done all the same: look with `esam runs list`"
        return BackendAway(message)

    def _explain_refusal(self, response: httpx.Response) -> BackendCallError:
        error_type = BackendAway if response.status_code in _AWAY else BackendRefusal
        code, detail = _read_error(response)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            return BackendRefusal(
                f"the backend at {self.url} asks for a login: set BASIC_AUTH_USER and "
                "BASIC_AUTH_PASS to the ones it was started with"
            )
        if code == "no_such_call":
            detail += "; the backend is older than this command: restart it"
        return error_type(detail)


def run_path(run_id: str) -> str:
    """Where a run is found, whatever was typed as its id."""
    return f"/runs/{quote(run_id, safe='')}"


def check_url(url: str, option: str) -> str:
    """A base URL without its last slash.

    Raises:
        OptionInvalid: it is not one.
    """
    text = url.strip().rstrip("/")
    if "@" in text:
        # The URL is shown in messages, and a login must not be.
        raise OptionInvalid(f"{option} must not hold a login")
    try:
        parsed = httpx.URL(text)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise OptionInvalid(f"{option} must be a URL such as {DEFAULT_URL}, got {url!r}")
    return text


def _read_error(response: httpx.Response) -> tuple[str, str]:
    """Code and detail of an error's answer."""
    try:
        answer = response.json()
        return str(answer["error"]), str(answer["detail"])
    except (ValueError, KeyError, TypeError):
        url, text = response.request.url, " ".join(response.text.split())[:_SHOWN_CHARACTERS]
        return "", f"{url} answered {response.status_code}: {text or response.reason_phrase}"
