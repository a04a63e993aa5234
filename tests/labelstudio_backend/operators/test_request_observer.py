"""Each request has an id, an answer, and a place in the figures."""

import asyncio
import logging

import httpx
import pytest
from fastapi import Request, Response
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from core import ImageEmbedding, Predictor
from labelstudio_backend.operators.request_observer import RequestObserver
from labelstudio_backend.operators.service_metrics import ServiceMetrics
from worker import current_request_id

from ..answers import DOG, the_error, the_prediction
from ..conftest import Backend, InProcessEmbeddings, RunBackend
from ..image_host import Host
from ..label_studio_requests import make_keypoint, make_predict


class BrokenEmbeddings(InProcessEmbeddings):
    """Fails as nobody foresaw."""

    def find_alias(self, alias: str, /) -> str | None:
        raise ZeroDivisionError("a fault")


class RememberingEmbeddings(InProcessEmbeddings):
    """Remembers which request asked for each embedding."""

    request_ids: list[str | None]

    def get_or_encode(self, image: bytes, /, **options: object) -> ImageEmbedding:
        self.request_ids.append(current_request_id())
        return super().get_or_encode(image, **options)  # type: ignore[arg-type]


def count_requests(backend: Backend, route: str) -> dict[str, float]:
    """Requests of a route by the rest of their labels."""
    prefix = "esam_requests_total{"
    lines = backend.client.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith(prefix) and f'route="{route}"' in line]
    counts = {}
    for line in found:
        labels, _, count = line.removeprefix(prefix).rpartition("} ")
        counts[labels.replace(f'route="{route}",', "")] = float(count)
    return counts


def test_the_callers_request_id_comes_back(backend: Backend) -> None:
    answer = backend.client.get("/health", headers={"X-Request-ID": "from-a-proxy/7"})
    assert answer.headers["X-Request-ID"] == "from-a-proxy/7"


@pytest.mark.parametrize("unusable", ["", "two words", "x" * 101, "ü"])
def test_an_id_that_is_missing_or_would_break_a_log_line_is_made(
    backend: Backend, unusable: str
) -> None:
    headers = {b"X-Request-ID": unusable.encode()}
    ids = {backend.client.get("/health", headers=headers).headers["X-Request-ID"] for _ in range(2)}
    assert len(ids) == 2
    assert unusable not in ids


def test_errors_and_refused_logins_have_an_id_too(run_backend: RunBackend) -> None:
    backend = run_backend(basic_auth_user="me", basic_auth_pass=SecretStr("hunter2"))
    for path in ("/versions", "/no/such/call"):
        reply = backend.client.get(path, headers={"X-Request-ID": "r1"})
        assert (reply.status_code, reply.headers["X-Request-ID"]) == (401, "r1")
    backend.client.auth = httpx.BasicAuth("me", "hunter2")
    assert count_requests(backend, "none") == {
        'method="GET",outcome="login_required",status="401"': 2.0
    }


def test_requests_are_counted_by_route_status_and_outcome(
    run_backend: RunBackend, host: Host, png: bytes
) -> None:
    backend = run_backend(label_studio_url=host.url)
    host.serve(DOG, png)
    the_prediction(backend.predict(make_predict(DOG, make_keypoint(50, 50))))
    backend.predict(make_predict("/gone.png", make_keypoint(50, 50)))
    assert count_requests(backend, "/predict") == {
        'method="POST",outcome="ok",status="200"': 1.0,
        'method="POST",outcome="image_missing",status="422"': 1.0,
    }
    metrics = backend.client.get("/metrics").text.splitlines()
    assert 'esam_request_seconds_count{route="/predict"} 2.0' in metrics


def test_what_callers_make_up_adds_no_series(run_backend: RunBackend) -> None:
    backend = run_backend()
    for number in range(20):
        backend.client.get(f"/made/up/{number}")
        backend.client.request(f"MADEUP{number}", "/health")
    assert count_requests(backend, "none") == {
        'method="GET",outcome="no_such_call",status="404"': 20.0
    }
    assert count_requests(backend, "/health") == {
        'method="other",outcome="no_such_call",status="405"': 20.0
    }


def test_a_fault_is_answered_with_its_id_and_counted(
    run_backend: RunBackend,
    predictor: Predictor,
    host: Host,
    png: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = run_backend(embeddings=BrokenEmbeddings(predictor), label_studio_url=host.url)
    host.serve(DOG, png)
    reply = backend.client.post(
        "/predict",
        json=make_predict(DOG, make_keypoint(50, 50)),
        headers={"X-Request-ID": "r1"},
    )
    the_error(reply, 500, "internal_error")
    assert reply.headers["X-Request-ID"] == "r1"
    assert count_requests(backend, "/predict") == {
        'method="POST",outcome="internal_error",status="500"': 1.0
    }
    assert [r.exc_info[0] for r in caplog.records if r.exc_info] == [ZeroDivisionError]


def test_the_log_line_of_a_click_belongs_to_its_request(
    backend: Backend, host: Host, png: bytes
) -> None:
    found: list[str | None] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(current_request_id())  # type: ignore[method-assign]
    logger = logging.getLogger("labelstudio_backend.task_predictor")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        host.serve(DOG, png)
        click = make_predict(DOG, make_keypoint(50, 50))
        backend.client.post("/predict", json=click, headers={"X-Request-ID": "click-1"})
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert found == ["click-1"]


def test_threads_that_predict_several_tasks_know_the_request(
    run_backend: RunBackend, predictor: Predictor, host: Host, png: bytes
) -> None:
    embeddings = RememberingEmbeddings(predictor)
    embeddings.request_ids = []
    backend = run_backend(embeddings=embeddings, label_studio_url=host.url, prelabel="everything")
    host.serve(DOG, png)
    body = make_predict(DOG)
    body["params"]["context"] = None
    body["tasks"] = [{**body["tasks"][0], "id": number} for number in (1, 2)]
    reply = backend.client.post("/predict", json=body, headers={"X-Request-ID": "batch-1"})
    assert reply.is_success, reply.text
    assert embeddings.request_ids == ["batch-1", "batch-1"]


def test_a_fault_in_the_middle_of_an_answer_ends_it_without_another() -> None:
    async def broken(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError("a fault")

    async def answer(_request: Request, _error: Exception) -> Response:
        return Response("another", 500)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: Scope = {"type": "http", "method": "GET", "headers": []}
    metrics = ServiceMetrics()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(RequestObserver(broken, metrics, answer)(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start"]
