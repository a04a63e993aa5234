"""The doctor's checks of Label Studio: reached, logged in, the project fit for predictions."""

from collections.abc import Sequence

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError

from labelstudio_backend import (
    LabelConfig,
    LabelStudioAccount,
    LabelStudioClient,
    LabelStudioSession,
    Project,
    parse_label_config,
)

from .backend_options import label_studio_fields
from .findings import Found, Problem

_PATIENCE_S = 3.0
_NO_URL = "set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, or give --url and --token"
_SEE_CONFIG = "change it in Settings → Labeling Interface; docs/label_studio.md has one that works"
_WRONG_STATES = ("DI", "ER")
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  names that are compared


class _Connection(BaseModel):
    """A model that a project is connected to, as ``/api/ml`` has it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    url: str
    is_interactive: bool = False
    state: str = ""
    readable_state: str = ""
    error_message: str | None = None


def check_label_studio(url: str | None, token: str | None) -> Found[LabelStudioAccount]:
    """Whether Label Studio answers at its URL.

    Raises:
        Problem: there is no URL.
        OptionInvalid, LabelStudioError: it is none, or something else answers there.
    """
    base_url = label_studio_fields(url, token)["label_studio_url"]
    if base_url is None:
        raise Problem("its URL is not set", _NO_URL)
    # Without the token: a wrong one has a line of its own.
    account = LabelStudioAccount(httpx.URL(base_url))
    client = LabelStudioClient(account, patience_s=_PATIENCE_S)
    try:
        version = client.find_version()
    finally:
        client.close()
    return Found(f"{base_url} is Label Studio {version}", account)


def check_token(account: LabelStudioAccount, token: str | None) -> Found[LabelStudioAccount]:
    """Whose token it is.

    Raises:
        Problem: there is none.
        LabelStudioError: Label Studio refuses it.
    """
    token = (token or "").strip()
    if not token:
        raise Problem("none is set", "set LABEL_STUDIO_API_KEY to a token of the account page")
    account = LabelStudioAccount(account.base_url, SecretStr(token))
    client = connect_label_studio(account)
    try:
        user = client.find_user()
    finally:
        client.close()
    kind = "personal access token" if token.count(".") == 2 else "legacy token"
    return Found(f"a {kind} of {user}", account)


def connect_label_studio(account: LabelStudioAccount) -> LabelStudioClient:
    """A client that gives up soon."""
    return LabelStudioClient(account, patience_s=_PATIENCE_S)


def check_project(client: LabelStudioClient, project_id: int) -> Found[Project]:
    """Whether the project is there.

    Raises:
        LabelStudioError: it is not.
    """
    project = client.find_project(project_id)
    tasks = f"{project.task_count:,} {'task' if project.task_count == 1 else 'tasks'}"
    text = f"{project.id} {project.title!r} with {tasks}"
    if not project.task_count:
        return Found(text, project, "import images: there is nothing to predict")
    return Found(text, project)


def check_label_config(project: Project) -> Found[LabelConfig]:
    """Whether the label config has a place for masks, and tools that ask for them.

    Raises:
        Problem: it has not.
        LabelConfigInvalid: it cannot be read.
    """
    config = parse_label_config(project.label_config)
    problems = config.find_problems()
    if not config.output_tags:
        problems.insert(0, "no BrushLabels tag, nor another that holds masks")
    if problems:
        raise Problem("; ".join(problems), _SEE_CONFIG)
    outputs = ", ".join(repr(tag.name) for tag in config.output_tags)
    smart = ", ".join(repr(tag.name) for tag in config.prompt_tags if tag.is_smart)
    labels = ", ".join(dict.fromkeys(label for tag in config.output_tags for label in tag.labels))
    return Found(f"masks in {outputs}, smart tools {smart}, labels {labels}", config)


def check_connection(
    account: LabelStudioAccount, project: Project, backend_url: str
) -> Found[None]:
    """Whether the project asks our backend, for clicks too.

    Raises:
        Problem: it does not.
        LabelStudioError: Label Studio does not say.
    """
    connections = _find_connections(account, project.id)
    if not connections:
        raise Problem(
            "no model is connected",
            f"Settings → Model → Connect Model: {backend_url}, Interactive preannotations on; if "
            "Label Studio refuses it (403), start Label Studio with ML_BLOCK_LOCAL_IP=0 "
            "SSRF_PROTECTION_ENABLED=0",
        )
    ours = [c for c in connections if _is_same_place(c.url, backend_url)]
    for connection in ours or connections:
        _check_state(connection)
    shown = ", ".join(c.url for c in ours or connections)
    warning = (
        ""
        if ours
        else f"is that the backend at {backend_url}, by the name that Label Studio's machine has "
        "for it? If not, connect it"
    )
    return Found(f"connected and interactive: {shown}", None, warning)


def _check_state(connection: _Connection) -> None:
    if connection.state in _WRONG_STATES:
        reason = f" ({connection.error_message})" if connection.error_message else ""
        raise Problem(
            f"Label Studio says that {connection.url} is "
            f"{connection.readable_state.lower() or 'disconnected'}{reason}",
            "is it running there? Label Studio must reach that URL: in a container, localhost is "
            f"the container itself, and this machine is {_as_seen_from_container(connection.url)}",
        )
    if not connection.is_interactive:
        raise Problem(
            f"{connection.url} is connected, but not for clicks",
            "Settings → Model → … → Edit: switch Interactive preannotations on",
        )


def _find_connections(account: LabelStudioAccount, project_id: int) -> Sequence[_Connection]:
    session = LabelStudioSession(account, patience_s=_PATIENCE_S)
    try:
        response = session.ask("GET", "/api/ml", {"project": project_id})
    finally:
        session.close()
    try:
        return TypeAdapter(tuple[_Connection, ...]).validate_json(response.content)
    except ValidationError as error:
        raise Problem(
            f"Label Studio answers {response.status_code} to the question which models are "
            "connected, and not with a list of them"
        ) from error


def _as_seen_from_container(url: str) -> str:
    place = _read_place(url)
    return f"http://host.docker.internal:{place[1] if place else 9090}"


def _is_same_place(one: str, other: str) -> bool:
    """Whether two URLs name the same port of the same machine, as far as names tell."""
    first, second = _read_place(one), _read_place(other)
    return first is not None and first == second


def _read_place(text: str) -> tuple[str, int | None, str] | None:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return None
    host = "localhost" if url.host in _LOOPBACK else url.host
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return host, port, url.path.rstrip("/")
