"""What an operator sees of the whole product: its log, its figures, its state."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core import read_image
from esam.demo_photos import photo_path

from ..running_stack import RunningStack
from .test_whole_stack import click

pytestmark = pytest.mark.skipif(
    not Path("/proc").is_dir(), reason="looks at processes through /proc"
)


@pytest.fixture(scope="module")
def stack(nano_weights: Path) -> Iterator[RunningStack]:
    running = RunningStack(nano_weights, {"ESAM_LOG_FORMAT": "json"})
    yield running
    assert running.stop(signal.SIGTERM) == 0


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
