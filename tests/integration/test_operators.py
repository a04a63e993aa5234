"""What an operator sees of the whole product: its log, its figures, its state."""

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from core import read_image
from esam.backend_client import BackendClient
from esam.demo_photos import photo_path

from ..esam.command_line import esam
from ..label_studio_stand_in import LabelStudioStandIn
from ..labelstudio_backend.image_host import make_png
from ..monitoring_files import find_named_labels, read_expressions
from ..running_stack import RunningStack
from .test_whole_stack import click

pytestmark = pytest.mark.skipif(
    not Path("/proc").is_dir(), reason="looks at processes through /proc"
)


@pytest.fixture(scope="module")
def label_studio(photo_like: NDArray[np.uint8]) -> Iterator[LabelStudioStandIn]:
    """Three tasks, of which the last has lost its image."""
    with LabelStudioStandIn() as server:
        sources = [server.add_image(f"disc{n}.png", make_png(photo_like)) for n in range(2)]
        server.add_tasks([{"image": x} for x in (*sources, "/data/upload/1/0badcafe-gone.png")])
        yield server


@pytest.fixture(scope="module")
def stack(label_studio: LabelStudioStandIn) -> Iterator[RunningStack]:
    environment = {
        "ESAM_LOG_FORMAT": "json",
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": label_studio.token or "",
    }
    running = RunningStack(environment=environment)
    yield running
    assert running.stop(signal.SIGTERM) == 0


@pytest.fixture(scope="module")
def busy_stack(stack: RunningStack) -> RunningStack:
    """A stack that was clicked, warmed up and has done a run; some of it failed."""
    image = read_image(photo_path("coffee.png"))
    for x, y in ((290, 150), (290, 150), (9, 9)):
        httpx.post(f"{stack.url}/predict", json=click(image, x, y), timeout=60)
    broken = click(image, 1, 1)
    broken["tasks"][0]["data"]["image"] = "/data/upload/1/0badcafe-gone.png"
    httpx.post(f"{stack.url}/predict", json=broken, timeout=60)
    with BackendClient(stack.url) as client:
        client.warm({"project": 1})
        run = client.start_run({"project": 1, "prompts": "everything"})
        deadline = time.monotonic() + 60
        while not client.find_run(run.id).is_over:
            assert time.monotonic() < deadline, "the run does not end"
            time.sleep(0.1)
        while any(q.waiting or q.running for _, q in client.find_status().queues):
            assert time.monotonic() < deadline, "the queues do not become empty"
            time.sleep(0.1)
    return stack


def scrape(stack: RunningStack) -> dict[str, dict[str, float]]:
    """Samples by metric, then by their labels as they are written."""
    found: dict[str, dict[str, float]] = {}
    for line in httpx.get(f"{stack.url}/metrics", timeout=30).text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()  # type: ignore[union-attr]
            found.setdefault(name, {})[labels or ""] = float(value)
    return found


def find_line(stack: RunningStack, **fields: object) -> dict[str, Any]:
    """The first log line that has all of these fields; it may still be on its way."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        lines = [json.loads(line) for line in list(stack.lines) if line.startswith("{")]
        for line in lines:
            if fields.items() <= line.items():
                return line
        time.sleep(0.05)
    raise AssertionError(f"no line with {fields}")


def test_a_request_can_be_followed_from_the_backend_into_the_worker(stack: RunningStack) -> None:
    image = read_image(photo_path("coffee.png"))
    headers = {"X-Request-ID": "click-from-a-proxy"}
    body = click(image, 290, 150)
    reply = httpx.post(f"{stack.url}/predict", json=body, headers=headers, timeout=60)
    assert reply.headers["X-Request-ID"] == "click-from-a-proxy"
    prediction = find_line(
        stack, request_id="click-from-a-proxy", logger="labelstudio_backend.task_predictor"
    )
    assert (prediction["task"], prediction["project"], prediction["regions"]) == (1, "1.1", 1)
    assert prediction["decode_ms"] > 0
    encoded = find_line(stack, request_id="click-from-a-proxy", logger="worker.jobs")
    assert encoded["encode_ms"] > 0


@pytest.mark.parametrize(("place", "expression"), read_expressions().items())
def test_what_dashboard_and_alerts_ask_for_is_there(
    busy_stack: RunningStack, place: str, expression: str
) -> None:
    samples = scrape(busy_stack)
    for name, labels in find_named_labels(expression).items():
        assert name in samples, f"{place} asks for it"
        known = {label for text in samples[name] for label in re.findall(r'(\w+)="', text)}
        assert labels <= known, f"{place} groups or chooses {name} by it"


def test_metrics_say_what_was_done_in_backend_and_worker(busy_stack: RunningStack) -> None:
    samples = scrape(busy_stack)
    assert samples["esam_redis_up"] == {"": 1}
    assert samples["esam_workers"] == {"": 1}
    assert samples["esam_workers_of_other_model"] == {"": 0}
    assert samples["esam_queue_jobs"] == {
        f'queue="{name}"': 0 for name in ("interactive", "prefetch", "batch")
    }
    assert samples["esam_encoded_images_total"]['device="cpu"'] >= 3
    encodes = samples["esam_encodes_total"]
    assert sum(encodes.values()) <= samples["esam_encoded_images_total"]['device="cpu"']
    assert samples["esam_encode_seconds_total"]['device="cpu"'] > 0
    assert samples["esam_cache_hits_total"]['cache="process"'] >= 2
    assert samples["esam_cache_misses_total"][""] >= 1
    assert samples["esam_cache_bytes"]['cache="redis"'] > 0
    assert samples["esam_failures_total"]['reason="image_missing",work="run"'] == 1
    assert samples["esam_failures_total"]['reason="image_missing",work="service"'] == 1
    assert samples["esam_failures_total"]['reason="image_missing",work="warm_start"'] == 1
    assert samples["esam_run_tasks_total"]['outcome="failed"'] == 1


def test_status_shows_queues_workers_cache_runs_and_failures(
    busy_stack: RunningStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ESAM_BACKEND_URL", busy_stack.url)
    assert esam("status", "--json") == 0
    status = json.loads(capsys.readouterr().out)
    (worker,) = status["workers"]
    assert worker["process"].startswith(f"{socket.gethostname()}:")
    assert datetime.fromisoformat(worker["last_heartbeat_at"]).tzinfo is not None
    assert status["queues"]["batch"] == {"waiting": 0, "running": 0, "failed": 0, "oldest_s": None}
    assert status["cache"]["process_hits"] >= 2
    assert status["encoded_images"]["cpu"] >= 3
    (run,) = status["runs"]
    assert (run["state"], run["total"], run["failed"]) == ("finished", 3, 1)
    assert [failure["code"] for failure in status["failures"]] == ["image_missing"]
    assert esam("status") == 0
    out = capsys.readouterr().out
    for text in (worker["process"], run["id"], "interactive", "given up for room"):
        assert text in out
    page = httpx.get(f"{busy_stack.url}/status", headers={"Accept": "text/html"}).text
    for text in (worker["process"], run["id"], "waited for"):
        assert text in page
