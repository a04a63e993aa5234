"""One click, all the way: ``esam run`` as a person starts it, Label Studio's wire over HTTP."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray
from PIL import Image

from core import (
    Predictor,
    Prompt,
    find_checkpoint,
    load_predictor,
    predict_objects,
    read_image,
)
from esam.demo_photos import photo_path

from ..backend_process import BackendProcess
from ..closer_look import predict_closely
from ..running_stack import RunningStack, alive

pytestmark = pytest.mark.skipif(
    not Path("/proc").is_dir(), reason="looks at processes through /proc"
)

SHARED = Path(__file__).resolve().parents[3] / "shared"
LABEL_CONFIG = """<View>
  <Image name="image" value="$image"/>
  <BrushLabels name="tag" toName="image"><Label value="Cup"/><Label value="Cat"/></BrushLabels>
  <KeyPointLabels name="kp" toName="image" smart="true"><Label value="Cup"/></KeyPointLabels>
</View>"""


@pytest.fixture(scope="module")
def nano_weights() -> Path:
    """Those that ship: random ones may see nothing in a box."""
    return find_checkpoint("nano").path


@pytest.fixture(scope="module")
def predictor(nano_weights: Path) -> Predictor:
    """The predictor of these."""
    return load_predictor("nano", nano_weights, dtype="auto")


@pytest.fixture(scope="module")
def stack(nano_weights: Path) -> Iterator[RunningStack]:
    running = RunningStack(nano_weights)
    children = running.descendants()
    yield running
    assert running.stop(signal.SIGTERM) == 0
    assert alive(children) == set()


def data_uri(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def click(image: NDArray[np.uint8], x: float, y: float, label: str = "Cup") -> dict[str, Any]:
    """The body of one smart click at these pixels."""
    height_px, width_px = image.shape[:2]
    point = {
        "original_width": width_px,
        "original_height": height_px,
        "image_rotation": 0,
        "type": "keypointlabels",
        "from_name": "kp",
        "to_name": "image",
        "id": uuid4().hex[:10],  # as Label Studio's page makes them
        "value": {
            "x": 100 * x / width_px,
            "y": 100 * y / height_px,
            "width": 0.3,
            "keypointlabels": [label],
        },
    }
    return {
        "tasks": [{"id": 1, "data": {"image": data_uri(image)}}],
        "project": "1.1",
        "label_config": LABEL_CONFIG,
        "params": {"login": None, "password": None, "context": {"result": [point]}},
    }


def drawn_mask(answer: dict[str, Any]) -> NDArray[np.bool_]:
    (region,) = answer["results"][0]["result"]
    size_hw = (region["original_height"], region["original_width"])
    return np.reshape(decode_rle(region["value"]["rle"]), (*size_hw, 4))[..., 3] > 0


def test_a_click_gives_the_mask_that_core_gives(stack: RunningStack, predictor: Predictor) -> None:
    image = read_image(photo_path("coffee.png"))
    reply = httpx.post(f"{stack.url}/predict", json=click(image, 290, 150), timeout=60)
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    prediction = answer["results"][0]
    setup = {"project": "1.1", "schema": LABEL_CONFIG, "hostname": "", "access_token": ""}
    version = httpx.post(f"{stack.url}/setup", json=setup).json()["model_version"]
    assert prediction["model_version"] == version == predictor.model_version
    region = prediction["result"][0]
    assert region["from_name"] == "tag"
    assert region["value"]["brushlabels"] == ["Cup"]
    (expected,) = predict_objects(predictor, image, [Prompt(points=[[290, 150]])])
    ours, theirs = drawn_mask(answer), expected.draw()
    # The embedding went through Redis as float16.
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.98
    assert region["score"] == pytest.approx(expected.score, abs=0.01)


def test_clicks_of_many_annotators_never_cross(stack: RunningStack, predictor: Predictor) -> None:
    photo = read_image(photo_path("coffee.png"))
    # Each of another size: what is drawn on the wrong image shows.
    crops = [photo[9 * i : 9 * i + 200, 15 * i : 15 * i + 240 + i] for i in range(20)]
    clicks = [(n % len(crops), 40 + 3 * n, 150 - 2 * n) for n in range(50)]

    def ask(clicked: tuple[int, int, int]) -> httpx.Response:
        number, x, y = clicked
        return httpx.post(f"{stack.url}/predict", json=click(crops[number], x, y), timeout=90)

    with ThreadPoolExecutor(len(clicks)) as pool:
        replies = list(pool.map(ask, clicks))
    for (number, x, y), reply in zip(clicks, replies, strict=True):
        assert reply.status_code == 200, reply.text
        mask = drawn_mask(reply.json())
        truth = predict_closely(predictor, crops[number], Prompt(points=[[x, y]]))
        assert mask.shape == truth.shape
        # The embedding went through Redis as float16.
        assert (mask & truth).sum() / (mask | truth).sum() > 0.95


def test_a_broken_image_is_said_by_the_worker_and_the_next_click_works(stack: RunningStack) -> None:
    image = read_image(photo_path("coffee.png"))
    broken = click(image, 10, 10)
    broken["tasks"][0]["data"]["image"] = (
        "data:image/png;base64,"
        + base64.b64encode(b"\x89PNG\r\n\x1a\n not much of an image").decode()
    )
    reply = httpx.post(f"{stack.url}/predict", json=broken, timeout=60)
    assert reply.status_code == 422
    assert "image" in reply.json()["detail"]
    assert httpx.post(f"{stack.url}/predict", json=click(image, 9, 9), timeout=60).is_success


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="the captured payloads are not beside this checkout"
)
@pytest.mark.parametrize("name", ["keypoint", "rectangle", "negative", "two_points"])
def test_a_captured_click_is_answered_as_label_studio_draws_it(
    stack: RunningStack, name: str
) -> None:
    captured = SHARED / "captured" / f"predict_interactive_{name}.json"
    body = json.loads(captured.read_text())["body"]
    photo = (SHARED / "images" / "dogs.jpg").read_bytes()
    uri = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
    body["tasks"][0]["data"]["image"] = uri
    reply = httpx.post(f"{stack.url}/predict", json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    mask = drawn_mask(reply.json())
    assert mask.shape == (603, 1072)
    for item in body["params"]["context"]["result"]:
        if item.get("is_positive") is False:
            x, y = (int(item["value"]["x"] * 10.72), int(item["value"]["y"] * 6.03))
            assert not mask[y, x]


def test_ctrl_c_leaves_no_process_behind(nano_weights: Path) -> None:
    running = RunningStack(nano_weights)
    children = running.descendants()
    assert len(children) == 3, "Redis, a worker and the backend"
    assert running.stop(signal.SIGINT) == 0
    assert alive(children) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux tells the children")
def test_a_stack_that_is_killed_takes_its_servers_with_it(nano_weights: Path) -> None:
    running = RunningStack(nano_weights)
    children = running.descendants()
    assert running.stop(signal.SIGKILL) == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while alive(children):
        assert time.monotonic() < deadline, "its servers live on"
        time.sleep(0.1)


def find_server(pids: set[int], name: bytes) -> int:
    (found,) = (p for p in pids if name in words_of(p))
    return found


def test_a_backend_that_dies_stops_the_stack_and_is_named(nano_weights: Path) -> None:
    running = RunningStack(nano_weights)
    children = running.descendants()
    os.kill(find_server(children, b"serve"), signal.SIGKILL)
    assert running.wait() == 1
    assert "backend ended with exit code -9" in "".join(running.lines)
    assert alive(children) == set()


def test_a_worker_that_dies_is_started_anew_and_clicks_work(nano_weights: Path) -> None:
    running = RunningStack(nano_weights)
    before = running.descendants()
    worker = find_server(before, b"worker")
    os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while len(running.descendants() - before) < 1:
        assert time.monotonic() < deadline, "no worker was started"
        time.sleep(0.1)
    image = read_image(photo_path("coffee.png"))
    assert httpx.post(f"{running.url}/predict", json=click(image, 9, 9), timeout=90).is_success
    children = before | running.descendants()
    assert running.stop(signal.SIGTERM) == 0
    assert alive(children) == set()


@pytest.mark.timeout(300)
def test_workers_that_die_again_and_again_and_a_redis_that_dies_end_no_stack(
    nano_weights: Path,
) -> None:
    running = RunningStack(nano_weights)
    children = running.descendants()
    for _ in range(4):
        worker = find_server(running.descendants(), b"worker")
        os.kill(worker, signal.SIGKILL)
        children |= wait_for_server(running, b"worker", instead_of=worker)
    (redis,) = (pid for pid in running.descendants() if is_redis(pid))
    os.kill(redis, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not any(is_redis(pid) for pid in running.descendants() - {redis}):
        assert time.monotonic() < deadline, "no Redis was started"
        time.sleep(0.1)
    image = read_image(photo_path("coffee.png"))
    assert httpx.post(f"{running.url}/predict", json=click(image, 9, 9), timeout=90).is_success
    children |= running.descendants()
    assert running.stop(signal.SIGTERM) == 0
    assert alive(children) == set()


def wait_for_server(running: RunningStack, name: bytes, instead_of: int) -> set[int]:
    """All servers, once there is another one of this name."""
    deadline = time.monotonic() + 60
    while True:
        found = running.descendants() - {instead_of}
        if any(name in words_of(pid) for pid in found):
            return found
        assert time.monotonic() < deadline, f"no {name!r} was started"
        time.sleep(0.1)


def words_of(pid: int) -> list[bytes]:
    """A process's command line; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def is_redis(pid: int) -> bool:
    return any(b"redis-server" in word for word in words_of(pid))


def test_a_taken_port_is_said_before_anything_starts(
    stack: RunningStack, nano_weights: Path
) -> None:
    port = stack.url.rpartition(":")[2]
    command = [sys.executable, "-m", "esam", "run", "--port", port, "--host", "127.0.0.1"]
    command += ["--model", "nano", "--weights", str(nano_weights)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert f"port {port} cannot be used" in result.stderr


def test_a_stack_that_runs_is_ready(stack: RunningStack) -> None:
    ready = httpx.get(f"{stack.url}/ready")
    assert (ready.status_code, ready.json()["encoder"]) == (200, "workers")
    assert ready.json()["workers"] == {
        "is_ready": True, "is_required": True, "count": 1, "detail": None
    }  # fmt: skip


NO_REDIS = "redis://127.0.0.1:1/0"


def test_without_redis_a_click_is_told_what_to_start(nano_weights: Path) -> None:
    image = read_image(photo_path("coffee.png"))
    with BackendProcess(NO_REDIS, nano_weights) as backend:
        url = backend.url
        assert httpx.get(f"{url}/health").json()["status"] == "UP"
        reply = httpx.post(f"{url}/predict", json=click(image, 9, 9), timeout=60)
        ready = httpx.get(f"{url}/ready", timeout=60)
    assert reply.status_code == 503
    assert reply.headers["Retry-After"]
    assert "ESAM_REDIS_URL" in reply.json()["detail"]
    assert (ready.status_code, ready.json()["is_ready"]) == (503, False)
    assert ready.json()["encoder"] == "nobody"
    assert "127.0.0.1:1 cannot be used" in ready.json()["redis"]["detail"]


def test_a_backend_that_needs_no_redis_encodes_by_itself_and_says_so(
    nano_weights: Path, predictor: Predictor
) -> None:
    image = read_image(photo_path("coffee.png"))
    with BackendProcess(NO_REDIS, nano_weights, ESAM_REDIS_REQUIRED="0") as backend:
        url = backend.url
        reply = httpx.post(f"{url}/predict", json=click(image, 290, 150), timeout=90)
        ready = httpx.get(f"{url}/ready", timeout=60)
    assert reply.status_code == 200, reply.text
    ours = drawn_mask(reply.json())
    theirs = predict_closely(predictor, image, Prompt(points=[[290, 150]]))
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.98
    assert ready.status_code == 200
    assert ready.json()["encoder"] == "this process"
    assert not ready.json()["redis"]["is_ready"]
    assert not ready.json()["redis"]["is_required"]
