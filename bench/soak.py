"""``python -m bench.soak``: fifty annotators click for five minutes beside a run.

A stand-in for Label Studio serves the images and takes the predictions of ``esam run``. Each
annotator opens an image that nobody has opened before, clicks it some times with a pause between,
and goes on to the next. Every mask is compared with the one that core gives for that click. Beside
them ``/health``, ``/setup`` and ``/status`` are asked once a second. Prints Markdown tables; ends
with code 1 if a call failed or a mask was not its click's. Reads /proc: Linux only.
"""

import argparse
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray
from redis import Redis

from core import ImageEmbedding, Predictor, Prompt, decode_closely, load_predictor, read_image
from esam.stack import Stack, StackConfig
from tests.label_studio_project import LABEL_CONFIG
from worker.embedding_codec import pack_embedding, unpack_embedding

from .label_studio_process import LabelStudioProcess, serve_label_studio
from .memory import sampling_memory
from .photos import make_photos

_MIB = 1 << 20
_CLICKS_AN_IMAGE = 4
_IMAGES_EACH = 40
_MIN_IOU = 0.95
_ASK_EVERY_S = 1.0
_SHOWN_SAMPLES = 11
_SETUP = {"project": "1.1", "schema": LABEL_CONFIG, "hostname": "", "access_token": ""}


@dataclass(frozen=True)
class Click:
    """A click and its answer.

    Attributes:
        x_pct: of the width.
        y_pct: of the height.
        mask: (H, W) bool, what core answers.
    """

    x_pct: float
    y_pct: float
    mask: NDArray[np.bool_]


@dataclass
class Findings:
    """What the annotators and those who ask beside them saw.

    Attributes:
        outcomes: how many clicks ended how.
        times_s: of calls, by their name; a click on an image that nobody opened before has a name
            of its own.
        waiting: jobs that waited, by queue, once a second.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    times_s: dict[str, list[float]] = field(default_factory=dict)
    waiting: dict[str, list[int]] = field(default_factory=dict)

    def time(self, name: str, call: Callable[[], httpx.Response]) -> httpx.Response:
        """Make a call and keep how long it took."""
        started = time.perf_counter()
        reply = call()
        self.times_s.setdefault(name, []).append(time.perf_counter() - started)
        return reply


def _expect(predictor: Predictor, photo: bytes, rng: np.random.Generator) -> list[Click]:
    """Clicks on a photo with core's own answers, from embeddings in half precision as kept."""

    def encode(rgb: NDArray[np.uint8]) -> ImageEmbedding:
        return unpack_embedding(pack_embedding(predictor.encode(rgb)))

    image = read_image(photo)
    height, width = image.shape[:2]
    places = rng.uniform(10, 90, (_CLICKS_AN_IMAGE, 2))
    answers = decode_closely(
        predictor,
        (height, width),
        [Prompt(points=[[x * width / 100, y * height / 100]]) for x, y in places],
        lambda: encode(image),
        lambda tile: encode(tile.crop(image)),
    )
    return [
        Click(float(x), float(y), answer.draw())
        for (x, y), answer in zip(places, answers, strict=True)
    ]


def _make_body(task: dict[str, Any], click: Click) -> dict[str, Any]:
    height, width = click.mask.shape
    point = {
        "id": "soak", "type": "keypointlabels", "from_name": "tag2", "to_name": "image",
        "original_width": width, "original_height": height, "image_rotation": 0,
        "value": {
            "x": click.x_pct, "y": click.y_pct, "width": 0.3, "keypointlabels": ["Dog"],
        },
    }  # fmt: skip
    return {
        "tasks": [{"id": task["id"], "data": task["data"]}],
        "project": "1.1",
        "label_config": LABEL_CONFIG,
        "params": {"login": None, "password": None, "context": {"result": [point]}},
    }


def _judge(reply: httpx.Response, click: Click) -> str:
    """How a click ended, in a word or two."""
    if reply.status_code != 200:
        return f"HTTP {reply.status_code}"
    (region,) = reply.json()["results"][0]["result"]
    size_hw = (region["original_height"], region["original_width"])
    if size_hw != click.mask.shape:
        return "another image's mask"
    mask = np.reshape(decode_rle(region["value"]["rle"]), (*size_hw, 4))[..., 3] > 0
    union = (mask | click.mask).sum()
    is_same = not union or (mask & click.mask).sum() / union >= _MIN_IOU
    return "its own mask" if is_same else "another mask"


def _annotate(
    url: str,
    images: Sequence[tuple[dict[str, Any], list[Click]]],
    pause_s: float,
    ends_at: float,
    findings: Findings,
    seed: int,
) -> None:
    rng = np.random.default_rng((2, seed))
    time.sleep(rng.uniform(0, 2 * pause_s))
    with httpx.Client(base_url=url, timeout=100, trust_env=False) as client:
        for task, clicks in images:
            for number, click in enumerate(clicks):
                if time.monotonic() > ends_at:
                    return
                body = _make_body(task, click)
                name = "click" if number else "first click on an image"
                reply = findings.time(name, lambda body=body: client.post("/predict", json=body))  # type: ignore[misc]
                findings.outcomes[_judge(reply, click)] += 1
                time.sleep(rng.uniform(0, 2 * pause_s))
    raise SystemExit("an annotator ran out of images: raise _IMAGES_EACH")


def _ask_beside(url: str, is_over: threading.Event, findings: Findings) -> None:
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        while not is_over.wait(_ASK_EVERY_S):
            findings.time("/health", lambda: client.get("/health")).raise_for_status()
            findings.time("/setup", lambda: client.post("/setup", json=_SETUP)).raise_for_status()
            status = findings.time("/status", lambda: client.get("/status")).raise_for_status()
            for queue, found in status.json()["queues"].items():
                findings.waiting.setdefault(queue, []).append(found["waiting"])


def _soak(
    label_studio: LabelStudioProcess, photos: Sequence[bytes], options: argparse.Namespace
) -> bool:
    account = label_studio.account
    environment = {
        "LABEL_STUDIO_URL": str(account.base_url),
        "LABEL_STUDIO_API_KEY": account.token.get_secret_value() if account.token else "",
        "ESAM_MODEL": "nano",
    }
    tasks = label_studio.find_tasks()
    rng = np.random.default_rng(3)
    predictor = load_predictor("nano", dtype="auto")  # as the worker
    expected = [_expect(predictor, photo, rng) for photo in photos]
    images = [(task, expected[n % len(photos)]) for n, task in enumerate(tasks)]
    findings, is_over = Findings(), threading.Event()
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(StackConfig(0, "127.0.0.1", 1, None, environment, Path(folder))) as stack,
        Redis.from_url(stack.redis_url) as redis,
    ):
        pids = {
            **{name: process.pid for name, process in stack.children.items()},
            "redis": int(redis.info("server")["process_id"]),
        }
        reply = httpx.post(f"{stack.url}/runs", json={"project": 1}, timeout=30, trust_env=False)
        reply.raise_for_status()
        beside = threading.Thread(target=_ask_beside, args=(stack.url, is_over, findings))
        ends_at = time.monotonic() + options.minutes * 60
        with sampling_memory(list(pids.values())) as samples:
            beside.start()
            with ThreadPoolExecutor(options.annotators) as pool:
                ended = [
                    pool.submit(
                        _annotate,
                        stack.url,
                        images[n * _IMAGES_EACH : (n + 1) * _IMAGES_EACH],
                        options.pause_s,
                        ends_at,
                        findings,
                        n,
                    )
                    for n in range(options.annotators)
                ]
            is_over.set()
            beside.join()
        for one in ended:
            one.result()
        (run,) = httpx.get(f"{stack.url}/runs", timeout=30, trust_env=False).json()["runs"]
    _report(findings, options, run)
    _report_memory(dict(zip(pids, samples, strict=True)))
    return set(findings.outcomes) == {"its own mask"} and not run["failed"]


def _report(findings: Findings, options: argparse.Namespace, run: dict[str, Any]) -> None:
    counted = ", ".join(f"{count:,} {name}" for name, count in findings.outcomes.most_common())
    print(
        f"{options.annotators} annotators, {options.minutes:g} min, pauses of "
        f"{options.pause_s:g} s on average: {findings.outcomes.total():,} clicks "
        f"({counted}); beside them {run['done']:,} tasks predicted, {run['failed']} failed, "
        f"run {run['state']}\n"
    )
    print("| call | count | median ms | p95 ms | most ms |\n|---|---|---|---|---|")
    for name, times_s in findings.times_s.items():
        median, p95, most = 1000 * np.quantile(times_s, (0.5, 0.95, 1))
        print(f"| {name} | {len(times_s):,} | {median:.0f} | {p95:.0f} | {most:.0f} |")
    most_waiting = ", ".join(f"{name} {max(found)}" for name, found in findings.waiting.items())
    print(f"\nMost that waited in a queue: {most_waiting}\n")


def _report_memory(samples: dict[str, list[int]]) -> None:
    print("| resident MiB at | " + " | ".join(f"{10 * n} %" for n in range(_SHOWN_SAMPLES)) + " |")
    print((_SHOWN_SAMPLES + 1) * "|---" + "|")
    for name, found in samples.items():
        turns = np.linspace(0, len(found) - 1, _SHOWN_SAMPLES).round().astype(int)
        print(f"| {name} | " + " | ".join(f"{found[turn] / _MIB:.0f}" for turn in turns) + " |")


def main() -> int:
    """Print what was found; 0 if nothing failed."""
    parser = argparse.ArgumentParser(description="Clicks of many beside a run.")
    parser.add_argument("--annotators", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--pause-s", type=float, default=2.0)
    options = parser.parse_args()
    photos = make_photos()
    clicked = options.annotators * _IMAGES_EACH
    task_count = clicked + round(options.minutes * 60 * 40)
    with serve_label_studio(photos, task_count, unlike=clicked) as label_studio:
        return 0 if _soak(label_studio, photos, options) else 1


if __name__ == "__main__":
    raise SystemExit(main())
