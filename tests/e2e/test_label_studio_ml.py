"""The published label-studio-ml 1.0.9 hosts the service: same payloads, same masks."""

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from core import read_image
from esam.demo_photos import photo_path
from esam.processes import start_process, stop_process
from esam.redis_server import PrivateRedis
from worker import connect_redis

from ..integration.test_whole_stack import LABEL_CONFIG, click
from ..labelstudio_backend.label_studio_requests import read_captured
from ..worker_processes import WorkerProcesses
from .conftest import need
from .label_studio import ROOT

ENVIRONMENT = ROOT / ".e2e" / "label-studio-ml"
_TIMEOUT_S = 90
SHIPPED = ROOT / "weights" / "nano.safetensors"


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < deadline, f"nothing at {url}"
        try:
            if "is_loading" not in httpx.get(f"{url}/health", timeout=2).json():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, str]]:
    """URLs of our own service and of label-studio-ml, on one Redis with one worker."""
    command = ENVIRONMENT / "bin" / "label-studio-ml"
    need("label-studio-ml (`make e2e` installs it)", command.exists())
    ports = free_port(), free_port()
    with PrivateRedis(max_memory="256mb") as redis_server:
        client: Redis = connect_redis(redis_server.url)
        workers = WorkerProcesses(client, redis_server.url, SHIPPED)
        settings = {"ESAM_REDIS_URL": redis_server.url, "ESAM_MODEL": "nano"}
        # It starts `python`, whichever comes first.
        path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
        ours = start_process(
            [sys.executable, "-m", "esam", "serve", "--port", str(ports[0])],
            {**os.environ, **settings},
        )
        theirs = start_process(
            [str(command), "start", "deploy/label-studio-ml", "--port", str(ports[1])],
            {**os.environ, **settings, "PATH": path},
        )
        try:
            workers.start()
            urls = f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
            wait_for(urls[0], ours)
            wait_for(urls[1], theirs)
            yield urls
        finally:
            for process in (theirs, ours):
                os.killpg(process.pid, 15)  # label-studio-ml starts a shell, which starts Python
                stop_process(process)
            workers.stop()
            client.close()


def ask_both(servers: tuple[str, str], body: dict[str, Any]) -> list[dict[str, Any]]:
    """What our service and label-studio-ml answer, without ids that are made anew each time."""
    answers = []
    for url in servers:
        reply = httpx.post(f"{url}/predict", json=body, timeout=90)
        assert reply.status_code == 200, reply.text
        (prediction,) = reply.json()["results"]
        for region in prediction["result"]:
            region.pop("id")
        answers.append(prediction)
    return answers


def test_it_says_the_version_that_stands_in_the_predictions(servers: tuple[str, str]) -> None:
    body = {"project": "1.1", "schema": LABEL_CONFIG, "hostname": "", "access_token": "t"}
    versions = [httpx.post(f"{url}/setup", json=body).json()["model_version"] for url in servers]
    assert versions[0] == versions[1]
    assert versions[0].startswith("efficientsam-nano-")


def test_a_click_gives_the_same_mask_under_both(servers: tuple[str, str]) -> None:
    ours, theirs = ask_both(servers, click(read_image(photo_path("coffee.png")), 290, 150))
    assert ours["result"][0]["value"]["rle"]
    assert theirs == ours


@pytest.mark.parametrize("name", ["keypoint", "rectangle", "negative", "two_points"])
def test_a_captured_call_gives_the_same_mask_under_both(
    servers: tuple[str, str], name: str
) -> None:
    body = read_captured(f"predict_interactive_{name}")
    photo = (Path(ROOT).parent / "shared" / "images" / "dogs.jpg").read_bytes()
    uri = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
    body["tasks"][0]["data"]["image"] = uri
    ours, theirs = ask_both(servers, body)
    assert theirs == ours


def test_two_projects_with_different_labels_do_not_mix(servers: tuple[str, str]) -> None:
    image = read_image(photo_path("coffee.png"))
    _, theirs = servers
    for project, label in (("1.1", "Cup"), ("2.1", "Mug")):
        config = LABEL_CONFIG.replace("Cup", label)
        setup = {"project": project, "schema": config, "hostname": "", "access_token": ""}
        httpx.post(f"{theirs}/setup", json=setup)
    for project, label in (("1.1", "Cup"), ("2.1", "Mug")):
        body = click(image, 290, 150, label)
        body |= {"project": project, "label_config": LABEL_CONFIG.replace("Cup", label)}
        reply = httpx.post(f"{theirs}/predict", json=body, timeout=90)
        (region,) = reply.json()["results"][0]["result"]
        assert region["value"]["brushlabels"] == [label]


def test_events_and_mistakes_harm_nothing(servers: tuple[str, str]) -> None:
    _, theirs = servers
    event = {"action": "ANNOTATION_CREATED", "project": {"id": 1, "label_config": LABEL_CONFIG}}
    assert httpx.post(f"{theirs}/webhook", json=event).status_code == 201
    body = click(read_image(photo_path("coffee.png")), 290, 150)
    no_place = '<View><Image name="image" value="$image"/></View>'
    refused = httpx.post(f"{theirs}/predict", json=body | {"label_config": no_place}, timeout=90)
    assert refused.status_code == 500
    assert "LabelConfigInvalid" in refused.text
    assert httpx.post(f"{theirs}/predict", json=body, timeout=90).status_code == 200
