"""The service as Label Studio meets it: clicks over HTTP, start, memory, queue."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from core import load_predictor, read_image
from esam.processes import start_process, stop_process
from esam.redis_server import PrivateRedis
from esam.stack import Stack, StackConfig
from tests.label_studio_project import LABEL_CONFIG
from tests.label_studio_stand_in import LabelStudioStandIn
from worker import EmbeddingClient, connect_redis, list_workers

from .measuring import Timing, summarise, time_once
from .model_rows import BOX_SHARE, SIZES_HW
from .photos import make_jpeg, make_photo
from .report import Row
from .smooth_model import make_smooth_weights

_MIB = 1 << 20
_WARM_TURNS = 25
_COLD_TURNS = 6
_QUEUE_TURNS = 60
_STARTS = 3
_TARGETS_MS = {"1072x603": 50.0, "1080p": 60.0, "12MP": 150.0}
_SMALL_SHARE = (0.44, 0.44, 0.56, 0.56)
_NEARLY_ALL = (0.05, 0.05, 0.95, 0.95)
_COLD_CLICKS = {
    "click.cold": ("1072x603", BOX_SHARE),
    "click.cold.small": ("12MP", _SMALL_SHARE),
}
_STAGE = re.compile(r"\b([a-z]+)_ms=([0-9.]+)")


class Service:
    """``esam run`` with a Label Studio that serves images."""

    def __init__(self, model: str, weights: Path, folder: Path) -> None:
        self._exit = ExitStack()
        self.studio = self._exit.enter_context(LabelStudioStandIn())
        environment = {
            "ESAM_MODEL": model,
            "ESAM_WEIGHTS": str(weights),
            "LABEL_STUDIO_URL": self.studio.url,
            "LABEL_STUDIO_API_KEY": self.studio.token or "",
        }
        self.logs = folder
        config = StackConfig(0, "127.0.0.1", 1, None, environment, folder)
        self._stack = self._exit.enter_context(Stack(config))
        self._client = self._exit.enter_context(
            httpx.Client(base_url=self._stack.url, timeout=120, trust_env=False)
        )

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def backend_pid(self) -> int:
        return self._stack.children["backend"].pid

    def click(
        self, image: str, size_hw: tuple[int, int], box_share: Sequence[float] = BOX_SHARE
    ) -> dict[str, Any]:
        """Ask for the mask in the box."""
        x0, y0, x1, y1 = (100 * share for share in box_share)
        region = {
            "id": "r", "type": "rectanglelabels", "from_name": "tag3", "to_name": "image",
            "original_width": size_hw[1], "original_height": size_hw[0], "image_rotation": 0,
            "value": {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0,
                      "rectanglelabels": ["Dog"]},
        }  # fmt: skip
        body = {
            "tasks": [{"id": 1, "data": {"image": image}}], "project": "1.1",
            "label_config": LABEL_CONFIG, "params": {"context": {"result": [region]}},
        }  # fmt: skip
        reply = self._client.post("/predict", json=body)
        reply.raise_for_status()
        prediction: dict[str, Any] = reply.json()["results"][0]
        if not prediction:
            raise SystemExit("a click brought no mask")
        return prediction

    def find_stages(self) -> list[dict[str, float]]:
        """Milliseconds by stage of each prediction so far."""
        lines = (self.logs / "backend.log").read_text().splitlines()
        return [
            {stage: float(ms) for stage, ms in _STAGE.findall(line)}
            for line in lines
            if " prediction task=" in line
        ]


def measure_clicks(model: str) -> Iterator[Row]:
    """Warm and cold clicks over HTTP with weights whose masks are smooth."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        weights = make_smooth_weights(folder, model)
        service = stack.enter_context(Service(model, weights, folder / "logs"))
        yield from _measure_warm(service, model)
        yield from _measure_cold(service, model, weights)
        yield from _measure_memory(service, model)


def _measure_warm(service: Service, model: str) -> Iterator[Row]:
    images = {
        name: service.studio.add_image(f"{name}.jpg", make_jpeg(make_photo(size_hw)))
        for name, size_hw in SIZES_HW.items()
    }
    for name, image in images.items():
        for _ in range(3):
            service.click(image, SIZES_HW[name])
    times_ms: dict[str, list[float]] = {name: [] for name in images}
    for _ in range(_WARM_TURNS):
        for name, image in images.items():
            times_ms[name].append(
                time_once(lambda i=image, n=name: service.click(i, SIZES_HW[n]))  # type: ignore[misc]
            )
    stages = service.find_stages()[-_WARM_TURNS * len(images) :]
    for number, (name, found) in enumerate(times_ms.items()):
        timing = summarise(found)
        yield Row(
            f"click.warm.{name}.{model}", timing.median_ms, "ms", "less",
            _TARGETS_MS[name] if model == "vitt" else None,
            "over HTTP, from the request to the last byte", {"ours": timing},
        )  # fmt: skip
        of_size = stages[number :: len(images)]
        by_stage = {
            stage: summarise([one.get(stage, 0.0) for one in of_size]) for stage in of_size[0]
        }
        inside = sum(stage.median_ms for stage in by_stage.values())
        by_stage["rest"] = Timing(timing.median_ms - inside, 0, 0, timing.count)
        shown = ", ".join(f"{stage} {t.median_ms:.1f}" for stage, t in by_stage.items())
        yield Row(
            f"click.stages.{name}.{model}", timing.median_ms, "ms", "less", None, shown, by_stage
        )


def _measure_cold(service: Service, model: str, weights: Path) -> Iterator[Row]:
    """Each click on an image never seen, beside the same encode without anything around it."""
    predictor = load_predictor(model, weights, dtype="auto")  # as the worker
    for kind, (size, box_share) in _COLD_CLICKS.items():
        size_hw = SIZES_HW[size]
        photo = make_photo(size_hw)
        raw, cold = [], []
        for turn in range(_COLD_TURNS):
            content = make_jpeg(np.roll(photo, 10 * turn + 1, axis=1))
            image = service.studio.add_image(f"cold{turn}.jpg", content)
            cold.append(time_once(partial(service.click, image, size_hw, box_share)))
            service.click(image, size_hw, _NEARLY_ALL)  # then the worker is idle
            rgb = read_image(content)
            raw.append(time_once(partial(predictor.encode, rgb)))
        times = {"ours": summarise(cold[1:]), "encode": summarise(raw[1:])}
        yield Row(
            f"{kind}.{model}", times["ours"].median_ms / times["encode"].median_ms, "x", "less",
            1.15 if (kind, model) == ("click.cold", "vitt") else None,
            f"a first click, {size}, {times['ours'].median_ms:,.0f} ms, beside the encode alone, "
            f"{times['encode'].median_ms:,.0f} ms", times,
        )  # fmt: skip


def _measure_memory(service: Service, model: str, clicks: int = 10_000) -> Iterator[Row]:
    size_hw = SIZES_HW["1072x603"]
    photo = make_photo(size_hw)
    images = [
        service.studio.add_image(f"m{n}.jpg", make_jpeg(np.roll(photo, 7 * n, axis=0)))
        for n in range(4)
    ]
    seen: dict[int, float] = {}
    for number in range(clicks + 1):
        service.click(images[number % len(images)], size_hw)
        if number in (clicks // 10, clicks // 2, clicks):
            seen[number] = _resident_mib(service.backend_pid)
    first, last = seen[clicks // 10], seen[clicks]
    course = ", ".join(f"{mib:.0f} after {n:,}" for n, mib in seen.items())
    yield Row(
        f"memory.backend.{model}", last, "MiB", "less", 1024 if model == "vitt" else None,
        f"resident memory of the backend: {course} clicks",
    )  # fmt: skip
    yield Row(
        f"memory.growth.{model}", 100 * (last / first - 1), "%", "less", 2,
        f"between click {clicks // 10:,} and click {clicks:,}",
    )  # fmt: skip


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


def measure_queue() -> Iterator[Row]:
    """Enqueue, worker, Redis and back, without what the worker says the encode took."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(PrivateRedis())
        log = stack.enter_context((folder / "worker.log").open("wb"))
        environment = {**os.environ, "ESAM_REDIS_URL": server.url}
        command = [sys.executable, "-m", "esam", "worker", "--model", "nano"]
        process = start_process(command, environment, log)
        stack.callback(stop_process, process)
        redis = connect_redis(server.url)
        stack.callback(redis.close)
        while not list_workers(redis):
            time.sleep(0.05)
        client = EmbeddingClient(redis, load_predictor("nano").embedding_identity)
        rng = np.random.default_rng(0)
        totals = []
        for _ in range(_QUEUE_TURNS):
            content = make_jpeg(rng.integers(0, 255, (32, 32, 3), np.uint8))
            totals.append(time_once(lambda c=content: client.get_or_encode(c)))  # type: ignore[misc]
        log.flush()
        time.sleep(0.5)
        lines = [x for x in (folder / "worker.log").read_text().splitlines() if " encoded " in x]
        inside = [dict(_STAGE.findall(line)) for line in lines]
    spent = [t - float(one["encode"]) for t, one in zip(totals, inside, strict=True)][5:]
    timing = summarise(spent)
    yield Row(
        "queue.overhead", timing.median_ms, "ms", "less", 12,
        "from the question to the embedding, without the encode itself", {"ours": timing},
    )  # fmt: skip


def measure_starts() -> Iterator[Row]:
    """From the command to the first answer."""
    with PrivateRedis() as server:
        environment = {**os.environ, "ESAM_REDIS_URL": server.url, "LOG_LEVEL": "WARNING"}
        backend = summarise([_start_backend(environment) for _ in range(_STARTS)])
        worker = summarise([_start_worker(environment, server.url) for _ in range(_STARTS)])
    yield Row(
        "start.backend", backend.median_ms / 1000, "s", "less", 3,
        "from `esam serve` to /health", {"ours": backend},
    )  # fmt: skip
    yield Row(
        "start.worker", worker.median_ms / 1000, "s", "less", 8,
        "from `esam worker` until it takes jobs", {"ours": worker},
    )  # fmt: skip


def _start_backend(environment: dict[str, str]) -> float:
    port = "19097"
    command = [sys.executable, "-m", "esam", "serve", "--model", "nano", "--host", "127.0.0.1"]
    started = time.perf_counter()
    process = start_process([*command, "--port", port], environment)
    try:
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).raise_for_status()
            except httpx.HTTPError:
                _check(process)
                time.sleep(0.01)
            else:
                return 1000 * (time.perf_counter() - started)
    finally:
        stop_process(process)


def _start_worker(environment: dict[str, str], redis_url: str) -> float:
    redis = connect_redis(redis_url)
    started = time.perf_counter()
    process = start_process(
        [sys.executable, "-m", "esam", "worker", "--model", "nano"], environment
    )
    try:
        while not list_workers(redis):
            _check(process)
            time.sleep(0.01)
        return 1000 * (time.perf_counter() - started)
    finally:
        stop_process(process)
        redis.close()


def _check(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        raise SystemExit(f"the server ended with exit code {process.returncode}")
