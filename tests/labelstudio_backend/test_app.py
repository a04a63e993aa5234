"""The other calls, the login, the load and the log."""

import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis

from core import ImageEmbedding, Predictor
from labelstudio_backend import BackendSettings, Projects, ProjectWork
from worker import EncodeTimeout

from .answers import DOG, the_error, the_prediction
from .conftest import TOKEN, Backend, InProcessEmbeddings, RunBackend
from .image_host import Host
from .label_studio_requests import LABEL_CONFIG, make_keypoint, make_predict


def test_health_and_root_say_up_with_the_model(backend: Backend, predictor: Predictor) -> None:
    for path in ("/health", "/"):
        answer = backend.client.get(path).json()
        assert answer["status"] == "UP"
        assert answer["model_version"] == predictor.model_version
        assert "model_class" in answer


def test_versions_setup_and_predictions_name_the_same_model(
    backend: Backend, host: Host, predictor: Predictor, png: bytes
) -> None:
    host.serve(DOG, png)
    setup = {"project": "1.2", "schema": LABEL_CONFIG, "hostname": host.url, "access_token": "t"}
    version = predictor.model_version
    assert backend.client.post("/setup", json=setup).json() == {"model_version": version}
    assert backend.client.get("/versions").json() == {"versions": [version]}
    click = make_predict(DOG, make_keypoint(50, 50))
    assert the_prediction(backend.predict(click))["model_version"] == version


def test_setup_is_enough_to_find_label_studio_and_its_token(
    run_backend: RunBackend, host: Host, png: bytes
) -> None:
    backend = run_backend(is_private_address_allowed=False)
    host.serve(DOG, png)
    setup = {"project": "1.2", "schema": "", "hostname": host.url, "access_token": "setup-token"}
    assert backend.client.post("/setup", json=setup).status_code == 200
    the_prediction(backend.predict(make_predict(DOG, make_keypoint(50, 50), project="1.2")))
    assert host.authorizations == ["Token setup-token"]
    other_project = backend.predict(make_predict(DOG, make_keypoint(50, 50), project="1.3"))
    assert "LABEL_STUDIO_URL" in the_error(other_project, 502, "label_studio_unknown")


def test_a_token_that_goes_nowhere_is_told_at_the_start(
    run_backend: RunBackend, caplog: pytest.LogCaptureFixture
) -> None:
    run_backend(label_studio_api_key=SecretStr(TOKEN))
    assert "LABEL_STUDIO_URL is not set" in caplog.text
    assert TOKEN not in caplog.text


def test_setup_logs_what_will_go_wrong_in_the_project(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    setup = {"project": 7, "schema": LABEL_CONFIG, "hostname": "", "access_token": "s3cret"}
    assert backend.client.post("/setup", json=setup).status_code == 200
    assert "'tag2' has labels that 'tag' lacks: 'Bird'" in caplog.text
    assert "s3cret" not in caplog.text


def test_validate_lists_the_problems_of_a_label_config(backend: Backend) -> None:
    answer = backend.client.post("/validate", json={"config": LABEL_CONFIG}).json()
    assert not answer["is_valid"]
    assert len(answer["problems"]) == 1
    the_error(backend.client.post("/validate", json={"config": "<"}), 400, "bad_label_config")


@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/validate"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"null", b"\xff\xfe", b"{}"])
def test_a_body_that_is_not_what_the_call_asks_for_is_a_bad_request(
    backend: Backend, path: str, body: bytes
) -> None:
    the_error(backend.client.post(path, content=body), 400, "bad_request")


def test_bodies_above_the_limit_are_refused(run_backend: RunBackend) -> None:
    backend = run_backend(request_max_bytes=1000)
    response = backend.client.post("/predict", content=b" " * 1001)
    assert "1,000 bytes" in the_error(response, 413, "request_too_large")


def test_a_caller_that_hangs_up_is_no_fault_of_ours(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    address = httpx.URL(backend.url)
    with socket.create_connection((address.host, address.port or 80)) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    deadline = time.monotonic() + 5
    while "hung up" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "the caller hung up" in caplog.text
    assert "Traceback" not in caplog.text


def test_unknown_calls_are_json_errors(backend: Backend) -> None:
    the_error(backend.client.get("/nothing"), 404, "no_such_call")
    the_error(backend.client.get("/predict"), 405, "no_such_call")


def test_a_login_is_asked_of_everything_but_health(run_backend: RunBackend) -> None:
    backend = run_backend(basic_auth_user="studio", basic_auth_pass=SecretStr("pässword"))
    assert backend.client.get("/health").status_code == 200
    for path in ("/", "/versions", "/openapi.json", "/nothing"):
        the_error(backend.client.get(path), 401, "login_required")
        wrong = backend.client.get(path, auth=("studio", "password"))
        assert wrong.headers["www-authenticate"].startswith("Basic ")
    assert backend.client.get("/versions", auth=("studio", "pässword")).status_code == 200
    for header in ("Basic", "Basic %%%", "Bearer c3R1ZGlv", "Token studio:pässword"):
        response = backend.client.get("/versions", headers=[(b"Authorization", header.encode())])
        assert response.status_code == 401


def test_no_route_is_open_to_who_has_no_login_but_liveness(
    run_backend: RunBackend, redis: Redis, predictor: Predictor
) -> None:
    backend = run_backend(
        work=ProjectWork(redis, predictor, BackendSettings(), Projects()),
        basic_auth_user="studio",
        basic_auth_pass=SecretStr("password"),
    )
    document = backend.client.get("/openapi.json", auth=("studio", "password")).json()
    assert document["security"] == [{"login": []}]
    routes = [(method, path) for path, calls in document["paths"].items() for method in calls]
    assert {path for _, path in routes} >= {"/predict", "/runs", "/metrics", "/versions"}
    for method, path in routes:
        call = document["paths"][path][method]
        is_open = call.get("security") == []
        assert is_open == (path == "/health")
        status = backend.client.request(method, path.replace("{run_id}", "x")).status_code
        assert status == (200 if is_open else 401), (method, path)


@pytest.mark.parametrize(
    "path", ["/health/", "//health", "/health/../versions", "/HEALTH", "/health%2f", "/health;x"]
)
def test_only_liveness_itself_is_open(run_backend: RunBackend, path: str) -> None:
    backend = run_backend(basic_auth_user="studio", basic_auth_pass=SecretStr("password"))
    host, port = backend.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:  # as written, not normalised
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(100).split()[1] == b"401"


def test_health_is_answered_at_once_while_every_thread_waits_for_an_embedding(
    run_backend: RunBackend, predictor: Predictor, host: Host, png: bytes
) -> None:
    released = threading.Event()

    class Waiting(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            released.wait(20)
            raise EncodeTimeout("too slow")

    backend = run_backend(embeddings=Waiting(predictor), label_studio_url=host.url)
    host.serve(DOG, png)
    click = make_predict(DOG, make_keypoint(50, 50))
    with ThreadPoolExecutor(50) as callers:
        waiting = [callers.submit(backend.predict, click) for _ in range(50)]
        try:
            deadline = time.monotonic() + 10
            while len(host.requests) < 40:  # the size of the service's thread pool
                assert time.monotonic() < deadline, "the calls wait for each other"
                time.sleep(0.01)
            answers = [backend.client.get("/health", timeout=5) for _ in range(3)]
            setup = {"project": "1.2", "schema": LABEL_CONFIG}
            assert backend.client.post("/setup", json=setup, timeout=5).is_success
            config = {"config": LABEL_CONFIG}
            assert backend.client.post("/validate", json=config, timeout=5).is_success
        finally:
            released.set()
        assert min(answer.elapsed.total_seconds() for answer in answers) < 0.1
        for call in waiting:
            the_error(call.result(), 504, "encode_deadline_exceeded")


def test_who_comes_when_as_many_are_waited_for_as_may_be_is_told_when_to_come_again(
    run_backend: RunBackend, predictor: Predictor, host: Host, png: bytes
) -> None:
    released = threading.Event()

    class Waiting(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            assert released.wait(20)
            return super().get_or_encode(image, **more)

    backend = run_backend(embeddings=Waiting(predictor), label_studio_url=host.url, max_waiting=3)
    host.serve(DOG, png)
    click = make_predict(DOG, make_keypoint(50, 50))
    with ThreadPoolExecutor(3) as callers:
        waiting = [callers.submit(backend.predict, click) for _ in range(3)]
        try:
            deadline = time.monotonic() + 10
            while len(host.requests) < 3:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            refused = backend.predict(click)
            sent = backend.client.post("/play/images", content=png)
        finally:
            released.set()
        for call in waiting:
            assert call.result().status_code in (200, 409)  # a newer call took its place
    for answer in (refused, sent):
        assert "3 predictions are waited for already" in the_error(answer, 503, "overloaded")
        assert answer.headers["Retry-After"] == "5"
    the_prediction(backend.predict(click))


def test_a_prediction_is_one_log_line_with_the_time_of_each_stage(
    backend: Backend, host: Host, png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host.serve(DOG + "?sig=secret", png)
    the_prediction(backend.predict(make_predict(DOG + "?sig=secret", make_keypoint(50, 50))))
    (line,) = [r.getMessage() for r in caplog.records if r.getMessage().startswith("prediction ")]
    for field in ("task=6", "project='2.1795393297'", "prompts=1", "regions=1", "score=0."):
        assert field in line
    for stage in ("image", "embedding", "decode", "resize", "write"):
        assert f"{stage}_ms=" in line
    assert "secret" not in caplog.text


def test_metrics_count_predictions_by_outcome_and_the_time_of_their_stages(
    run_backend: RunBackend, host: Host, png: bytes
) -> None:
    backend = run_backend(label_studio_url=host.url)
    host.serve(DOG, png)
    for _ in range(2):
        the_prediction(backend.predict(make_predict(DOG, make_keypoint(50, 50))))
    backend.predict(make_predict("/gone.png", make_keypoint(50, 50)))
    answer = backend.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'esam_predictions_total{outcome="mask"} 2.0' in lines
    assert 'esam_predictions_total{outcome="image_missing"} 1.0' in lines
    assert 'esam_stage_seconds_count{stage="decode"} 2.0' in lines
    assert 'esam_stage_seconds_count{stage="image"} 3.0' in lines


def test_a_refused_prediction_is_one_log_line_with_task_code_and_reason(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.predict(make_predict(DOG + "?sig=secret", make_keypoint(50, 50)))
    (line,) = [r.getMessage() for r in caplog.records if r.getMessage().startswith("refused ")]
    for field in ("task=6", "status=422", "code=image_missing", DOG):
        assert field in line
    assert "secret" not in caplog.text


def test_a_request_cannot_write_log_lines_of_its_own(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    forged = "x\nprediction task=1 forged"
    body = make_predict(forged, make_keypoint(1, 1, type=forged), project=forged)
    body["tasks"][0]["id"] = forged
    the_error(backend.predict(body), 400, "bad_prompt")
    backend.client.get(f"/{quote(forged)}")
    assert "\nprediction task=1 forged" not in caplog.text


def test_a_value_that_is_refused_is_not_repeated_in_answer_or_log(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    body = make_predict(DOG, make_keypoint(1, 1)) | {"label_config": {"secret": "s3cret"}}
    response = backend.predict(body)
    assert "s3cret" not in the_error(response, 400, "bad_request")
    assert "s3cret" not in caplog.text
    assert json.loads(response.text)["detail"].startswith(
        "the request cannot be read: label_config"
    )
