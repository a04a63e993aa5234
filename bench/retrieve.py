"""``python -m bench.retrieve``: one press of "Retrieve predictions" on a whole project.

A stand-in for Label Studio sends all tasks of a project in one call, as the real one does, to
``esam run``; what the workers store afterwards is counted at the stand-in. Prints a Markdown table:
how long the call took, whether each task has one prediction, and the resident memory of backend,
worker and Redis over time. Reads /proc: Linux only.
"""

import argparse
import tempfile
import time
from pathlib import Path

import httpx
from redis import Redis

from esam.stack import Stack, StackConfig
from tests.label_studio_project import LABEL_CONFIG

from .label_studio_process import LabelStudioProcess, serve_label_studio
from .memory import sampling_memory
from .photos import make_photos

_MIB = 1 << 20
_POLL_S = 2.0
_SHOWN_SAMPLES = 11


def _press(url: str, tasks: list[dict[str, object]]) -> float:
    """Seconds that Label Studio would have waited."""
    body = {
        "tasks": tasks, "project": "1.1", "label_config": LABEL_CONFIG, "params": {"context": None},
    }  # fmt: skip
    started = time.perf_counter()
    reply = httpx.post(f"{url}/predict", json=body, timeout=100, trust_env=False)
    reply.raise_for_status()
    if reply.json() != {"results": []}:
        raise SystemExit(f"answered inline: {reply.text[:200]}")
    return time.perf_counter() - started


def _wait(url: str) -> dict[str, int]:
    """Until no run is going; the last one's counters."""
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        while True:
            run = client.get("/runs").raise_for_status().json()["runs"][0]
            if run["state"] != "running":
                return {name: run[name] for name in ("done", "failed")}
            time.sleep(_POLL_S)


def _measure(label_studio: LabelStudioProcess, count: int) -> None:
    account = label_studio.account
    environment = {
        "LABEL_STUDIO_URL": str(account.base_url),
        "LABEL_STUDIO_API_KEY": account.token.get_secret_value() if account.token else "",
        "ESAM_MODEL": "nano",
        # Tiles are encodes more than one an image.
        "ESAM_TILES": "false",
    }
    tasks = label_studio.find_tasks()
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(StackConfig(0, "127.0.0.1", 1, None, environment, Path(folder))) as stack,
        Redis.from_url(stack.redis_url) as redis,
    ):
        pids = {
            **{name: process.pid for name, process in stack.children.items()},
            "redis": int(redis.info("server")["process_id"]),
        }
        with sampling_memory(list(pids.values())) as samples:
            waited_s = _press(stack.url, tasks)
            again_s = _press(stack.url, tasks)
            started = time.perf_counter()
            counters = _wait(stack.url)
            spent_s = time.perf_counter() - started
    stored = len(label_studio.find_times())
    print(
        f"{count:,} tasks: answered in {waited_s:.2f} s, pressed again in {again_s:.2f} s; "
        f"{counters}, {stored:,} predictions stored, {spent_s:.0f} s, "
        f"{stored / spent_s:.1f} images/s\n"
    )
    turns = [round(n * (len(samples[0]) - 1) / (_SHOWN_SAMPLES - 1)) for n in range(_SHOWN_SAMPLES)]
    print("| resident MiB at | " + " | ".join(f"{10 * n} %" for n in range(_SHOWN_SAMPLES)) + " |")
    print((_SHOWN_SAMPLES + 1) * "|---" + "|")
    for name, found in zip(pids, samples, strict=True):
        print(f"| {name} | " + " | ".join(f"{found[t] / _MIB:.0f}" for t in turns) + " |")


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description='"Retrieve predictions" on a whole project.')
    parser.add_argument("--tasks", type=int, default=10_000)
    options = parser.parse_args()
    with serve_label_studio(make_photos(), options.tasks) as label_studio:
        _measure(label_studio, options.tasks)


if __name__ == "__main__":
    main()
