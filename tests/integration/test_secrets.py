"""Marked secrets go through the whole product, and turn up nowhere that need not hold them."""

import base64
import io
import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import SecretStr
from redis import Redis

from esam.stack import StackConfig
from labelstudio_backend import BackendSettings, LabelStudioAccount
from labelstudio_backend.protocol import PredictRequest, SetupRequest
from worker import WorkerSettings

from ..esam.command_line import esam
from ..label_studio_stand_in import LabelStudioStandIn
from ..labelstudio_backend.image_host import make_png, run_host
from ..labelstudio_backend.label_studio_requests import (
    make_keypoint,
    make_predict,
    make_rectangle,
)
from ..redis_process import RedisProcess
from ..running_stack import RunningStack
from .marked_secrets import dump_redis, find_leaks, mark

pytestmark = pytest.mark.skipif(
    not Path("/proc").is_dir(), reason="looks at processes through /proc"
)

TOKEN, EXPIRED_TOKEN, SETUP_TOKEN = mark("token"), mark("expired-token"), mark("setup-token")
PERSONAL_TOKEN, SHORT_TOKEN = f"ey.{mark('personal')}.x", mark("short-lived")
PASSWORD, WRONG_PASSWORD, REDIS_PASSWORD = mark("login"), mark("wrong-login"), mark("redis")
SIGNATURE, NEXT_SIGNATURE, USERINFO = mark("signature"), mark("redirected"), mark("userinfo")
NOTE, ANNOTATION, BROKEN = mark("note"), mark("annotation"), mark("broken-body")
SECRETS = {
    name: value
    for name, value in globals().items()
    if isinstance(value, str) and "5ECRET-" in value
}
# What a job needs that is done later, and by nobody but a worker.
_TOKENS_OF_ACCOUNTS = {TOKEN, EXPIRED_TOKEN, PERSONAL_TOKEN, SETUP_TOKEN}
_ACCOUNT = ", esam:accounts"
_END_S = 90.0
_SIGNED = f"?X-Amz-Signature={SIGNATURE}&Expires=1"


@pytest.fixture(scope="module")
def label_studio() -> Iterator[LabelStudioStandIn]:
    with LabelStudioStandIn() as server:
        server.token = TOKEN
        server.personal_access_token = PERSONAL_TOKEN
        server.make_access_token = lambda: SHORT_TOKEN
        yield server


@pytest.fixture(scope="module")
def sources(label_studio: LabelStudioStandIn, photo_like: NDArray[np.uint8]) -> Iterator[list[str]]:
    """Images that are there, and others that fail in every way that says where they were."""
    png = make_png(photo_like)
    with run_host() as host:
        host.serve(f"/good.png{_SIGNED}", png, ETag='"1"')
        host.serve(f"/broken.png{_SIGNED}", png[: len(png) // 2])
        host.serve(f"/page.png{_SIGNED}", b"<html>", Content_Type="text/html")
        host.serve(f"/refused.png{_SIGNED}", b"", 403)
        host.serve(f"/fault.png{_SIGNED}", b"", 500)
        host.redirect(f"/moved.png{_SIGNED}", f"/next.png?sig={NEXT_SIGNATURE}")
        host.redirect(f"/inside.png{_SIGNED}", f"file:///etc/passwd?sig={NEXT_SIGNATURE}")
        host.redirect(f"/round.png{_SIGNED}", f"/round.png{_SIGNED}")
        host.answers[f"/hang-up.png{_SIGNED}"] = lambda handler: handler.connection.close()
        names = ("good", "broken", "page", "refused", "fault", "moved", "inside", "round",
                 "hang-up", "gone")  # fmt: skip
        yield [
            label_studio.add_image("disc.png", png),
            *(f"{host.url}/{name}.png{_SIGNED}" for name in names),
            f"http://me:{USERINFO}@127.0.0.1:{host.port}/good.png",
            f"http://no.such.host.invalid/dog.png{_SIGNED}",
            f"http://127.0.0.1:1/dog.png{_SIGNED}",
            f"ftp://me:{USERINFO}@host/dog.png{_SIGNED}",
            f"http://[::1/dog.png{_SIGNED}",
            f"/data/upload/1/0badcafe-gone.png{_SIGNED}",
            "data:image/png;base64," + base64.b64encode(b"\x89PNG " + NOTE.encode()).decode(),
        ]


@pytest.fixture(scope="module")
def outputs(label_studio: LabelStudioStandIn, sources: list[str]) -> dict[str, bytes]:
    """Everything that the product said and kept, by where."""
    found: dict[str, bytes] = {}
    with RedisProcess(requirepass=REDIS_PASSWORD) as server:
        redis = Redis(unix_socket_path=str(server.socket), password=REDIS_PASSWORD)
        environment = {
            "ESAM_REDIS_URL": f"unix://{server.socket}?password={REDIS_PASSWORD}",
            "LABEL_STUDIO_URL": label_studio.url,
            "LABEL_STUDIO_API_KEY": TOKEN,
            "BASIC_AUTH_USER": "studio",
            "BASIC_AUTH_PASS": PASSWORD,
            "ESAM_ALLOW_PRIVATE_ADDRESSES": "true",
            "ESAM_IMAGE_TIMEOUT_S": "5",
            "LOG_LEVEL": "DEBUG",
        }
        stack = RunningStack(environment=environment)
        try:
            with httpx.Client(base_url=stack.url, auth=("studio", PASSWORD), timeout=60) as client:
                user = _User(client, redis, found)
                _use_everything(user, label_studio, sources)
                _wait_until_idle(user)
                for path in ("/metrics", "/status", "/openapi.json", "/versions", "/runs", "/play"):
                    user.ask("GET", path)
                user.ask("GET", "/status", headers={"Accept": "text/html"})
            found |= _run_commands({**environment, "ESAM_BACKEND_URL": stack.url})
            user.look_into_redis("in the end")
        finally:
            stack.stop(signal.SIGTERM)
            redis.close()
    found["log"] = "".join(stack.lines).encode()
    return found


class _User:
    """Asks, and keeps every answer."""

    def __init__(self, client: httpx.Client, redis: Redis, outputs: dict[str, bytes]) -> None:
        self._client = client
        self._redis = redis
        self._outputs = outputs

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = self._client.request(method, path, **options)
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        answer = headers.encode() + b"\n\n" + response.content
        self._outputs[f"answer {len(self._outputs)} of {method} {path}"] = answer
        assert response.status_code != 500, response.text
        return response

    def look_into_redis(self, when: str) -> None:
        found = dump_redis(self._redis)
        self._outputs.update({f"Redis {when}, {name}": value for name, value in found.items()})


def _use_everything(user: _User, label_studio: LabelStudioStandIn, sources: list[str]) -> None:
    _log_in_wrongly(user)
    setup: dict[str, object] = {"project": "1.1", "schema": "<View/>", "hostname": label_studio.url,
             "access_token": SETUP_TOKEN, "extra_params": {"note": NOTE}}  # fmt: skip
    user.ask("POST", "/setup", json=setup)
    user.ask("POST", "/setup", json={**setup, "project": "2.1", "hostname": "http://127.0.0.1:1"})
    task_ids = label_studio.add_tasks([{"image": source, "note": NOTE} for source in sources])
    for task_id, source in zip(task_ids, sources, strict=True):
        click = make_predict(source, make_keypoint(50, 50), project="1.1")
        click["tasks"][0] |= {"id": task_id, "annotations": [_make_annotation()]}
        click["tasks"][0]["data"]["note"] = NOTE
        user.ask("POST", "/predict", json=click)
        user.ask("POST", "/predict", json={**click, "project": "2.1"})
        user.ask("POST", "/predict", json={**click, "params": {"login": None, "context": None}})
    tasks = [
        {"id": 100 + n, "data": {"image": source.replace("good", "other"), "note": NOTE}}
        for n, source in enumerate(sources)
    ]
    project = {"id": 1, "label_config": label_studio.project.label_config}
    event = {"action": "TASKS_CREATED", "project": project, "tasks": tasks}
    user.ask("POST", "/webhook", json=event)
    user.ask("POST", "/warm", json={"project": 1})
    _wait_until_idle(user)
    user.look_into_redis("after warming")
    _run_runs(user, label_studio, sources)
    _send_broken_bodies(user, setup)
    user.ask("POST", "/play/images", content=b"\x89PNG " + NOTE.encode())


def _log_in_wrongly(user: _User) -> None:
    for login in (("studio", WRONG_PASSWORD), (WRONG_PASSWORD, PASSWORD)):
        assert user.ask("GET", f"/runs?token={BROKEN}", auth=login).status_code == 401
    header = {"Authorization": f"Bearer {WRONG_PASSWORD}"}
    calls = user.ask("GET", "/openapi.json").json()["paths"]
    assert calls.keys() >= {"/predict", "/runs", "/status", "/metrics", "/models"}
    for path in (*calls, "/openapi.json", "/play", "/play/page/play.js", "/docs", "/nothing"):
        for method in calls.get(path, {"get": None}):
            status = user.ask(method, path, headers=header, auth=None).status_code
            assert status == (200 if path == "/health" else 401), (method, path)


def _run_runs(user: _User, label_studio: LabelStudioStandIn, sources: list[str]) -> None:
    boxes = [{"image": source, "label": "Dog", "box": [50, 30, 110, 90]} for source in sources]
    for token in (None, PERSONAL_TOKEN, EXPIRED_TOKEN):
        account = {"label_studio_url": label_studio.url, "label_studio_api_key": token}
        order = {"project": 1, "prompts": "file", "boxes": boxes, "filters": {
            "conjunction": "and", "items": []}, **(account if token else {})}  # fmt: skip
        user.ask("POST", "/runs", json={**order, "dry_run": True})
        user.ask("POST", "/runs", json=order)
    for run in user.ask("GET", "/runs").json()["runs"]:
        _wait_for_run(user, run["id"])
        for part in ("", "/predicted", "/failures"):
            user.ask("GET", f"/runs/{run['id']}{part}")
        user.ask("POST", f"/runs/{run['id']}/cancel")
        account = {"label_studio_url": label_studio.url, "label_studio_api_key": EXPIRED_TOKEN}
        user.ask("POST", f"/runs/{run['id']}/retry-failed", json=account)
        _wait_for_run(user, run["id"])


def _send_broken_bodies(user: _User, setup: dict[str, object]) -> None:
    account = {"label_studio_url": f"http://me:{USERINFO}@host", "label_studio_api_key": BROKEN}
    for path, body in (
        ("/setup", {**setup, "project": [BROKEN], "access_token": {"x": BROKEN}}),
        ("/setup", {**setup, "schema": f"<View {BROKEN}"}),
        ("/predict", {"tasks": BROKEN, "project": {"x": BROKEN}}),
        ("/predict", {"tasks": [{"id": {"x": BROKEN}, "data": BROKEN}], "params": BROKEN}),
        ("/webhook", {"action": 1, "tasks": [{"data": BROKEN}], "project": BROKEN}),
        ("/validate", {"config": f"<View><Label value='{BROKEN}'></View>"}),
        ("/runs", {"project": 1, **account}),
        ("/runs", {"project": BROKEN, "label_studio_api_key": BROKEN}),
        ("/warm", {"project": 1, **account}),
        ("/models/use", {"project": 1, "model_version": "no", **account}),
        ("/play/masks", {"image": [BROKEN], "points": BROKEN}),
    ):
        assert user.ask("POST", path, json=body).status_code in (200, 400, 422), path
        cut = json.dumps(body)[:-1]
        assert user.ask("POST", path, content=cut).status_code in (400, 422), path


def _make_annotation() -> dict[str, object]:
    text = {"id": "t", "type": "textarea", "from_name": "n", "to_name": "image",
            "value": {"text": [ANNOTATION]}}  # fmt: skip
    return {"id": 1, "result": [text, make_rectangle(20, 20, 50, 60)], "was_cancelled": False}


def _wait_for_run(user: _User, run_id: str) -> None:
    _wait(lambda: user.ask("GET", f"/runs/{run_id}").json()["finished_at"] is not None)


def _wait_until_idle(user: _User) -> None:
    def is_idle() -> bool:
        queues = user.ask("GET", "/status").json()["queues"]
        return not any(queue["waiting"] or queue["running"] for queue in queues.values())

    _wait(is_idle)


def _wait(is_so: Any) -> None:
    deadline = time.monotonic() + _END_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _run_commands(environment: dict[str, str]) -> dict[str, bytes]:
    """What a person sees who has the same secrets in the terminal."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        for line in (
            "status", "doctor --project 1", "runs list", "runs show nope", "warm --project 1",
            f"runs list --backend-url http://me:{USERINFO}@localhost",
            f"warm --project x --token {BROKEN}",
            f"prelabel --project 1 --token {EXPIRED_TOKEN} --no-wait",
            f"doctor --url {environment['LABEL_STUDIO_URL']} --token {EXPIRED_TOKEN}",
            f"export --project 1 --token {EXPIRED_TOKEN} --out /proc/no/such",
        ):  # fmt: skip
            said = io.StringIO()
            with redirect_stdout(said), redirect_stderr(said):
                esam(*line.split())
            assert said.getvalue()
            found[f"esam {line}"] = said.getvalue().encode()
    return found


@pytest.mark.timeout(300)
def test_the_secrets_were_used(outputs: dict[str, bytes]) -> None:
    log = outputs["log"].decode()
    for code in ("image_token_refused", "image_missing", "image_unusable", "image_host_unreachable",
                 "image_host_error", "image_source_refused", "login_required"):  # fmt: skip
        assert f"code={code}" in log
    assert re.search(r"run stopped run=\w+ reason=.*refuses the token", log)
    assert "warm start failed" in log
    assert len(outputs) > 150
    accounts = b"".join(v for name, v in outputs.items() if _ACCOUNT in name)
    for token in (TOKEN, PERSONAL_TOKEN):
        assert token.encode() in accounts, "what is not looked for where it is cannot be found"


@pytest.mark.timeout(300)
def test_no_secret_is_in_a_log_an_answer_a_figure_or_a_value_that_needs_none(
    outputs: dict[str, bytes],
) -> None:
    accounts = {n: v for n, v in outputs.items() if _ACCOUNT in n}
    others = {n: v for n, v in outputs.items() if n not in accounts}
    leaks = find_leaks(others, SECRETS)
    leaks += find_leaks(
        accounts, {n: v for n, v in SECRETS.items() if v not in _TOKENS_OF_ACCOUNTS}
    )
    assert not leaks, "\n".join(leaks)


def test_nothing_that_holds_a_secret_shows_it_when_it_is_printed() -> None:
    task = {"id": 1, "data": {"image": f"https://host/dog.png{_SIGNED}", "note": NOTE},
            "annotations": [_make_annotation()]}  # fmt: skip
    holders = [
        BackendSettings(
            label_studio_url="http://studio",
            label_studio_api_key=SecretStr(TOKEN),
            basic_auth_user="studio",
            basic_auth_pass=SecretStr(PASSWORD),
        ),
        WorkerSettings(redis_url=SecretStr(f"redis://:{REDIS_PASSWORD}@localhost")),
        StackConfig(
            redis_url=f"redis://:{REDIS_PASSWORD}@localhost",
            environment={"LABEL_STUDIO_API_KEY": TOKEN},
        ),
        LabelStudioAccount(httpx.URL("http://studio"), SecretStr(TOKEN)),
        SetupRequest.model_validate({"project": "1.1", "access_token": SETUP_TOKEN}),
        PredictRequest.model_validate({"tasks": [task]}),
    ]
    printed = {type(x).__name__: f"{x!r} {x}".encode() for x in holders}
    leaks = find_leaks(printed, SECRETS)
    assert not leaks, "\n".join(leaks)
