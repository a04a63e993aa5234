"""Every row that this machine can measure, in one run: ``python -m bench``.

Writes ``bench/results/<device>.json`` with a table and a plot beside it. Figures are comparable
within a run; between machines and days only ratios are.
"""

import argparse
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import torch

from .beside import measure_beside
from .cache_rows import measure_cache
from .device_rows import measure_device
from .model_rows import measure_model
from .prelabel import measure_prelabel
from .report import Row, make_table, write_report
from .service_rows import measure_clicks, measure_queue, measure_starts

_RESULTS = Path(__file__).parent / "results"


def _measure(groups: Iterable[str]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        known: dict[str, Callable[[], Iterator[Row]]] = {
            "device": partial(_measure_accelerator, Path(folder)),
            "model": partial(_both, lambda name: measure_model(Path(folder), name)),
            "cache": measure_cache,
            "queue": measure_queue,
            "start": measure_starts,
            "click": partial(_both, measure_clicks),
            "prelabel": measure_prelabel,
            "beside": measure_beside,
        }
        for group in groups or known:
            yield from known[group]()


def _both(measure: Callable[[str], Iterator[Row]]) -> Iterator[Row]:
    for name in ("vitt", "nano"):
        yield from measure(name)


def _measure_accelerator(folder: Path) -> Iterator[Row]:
    """Nothing where there is none."""
    if torch.cuda.is_available():
        for name in ("vitt", "vits"):
            yield from measure_device(folder, name, torch.device("cuda"))


def _name_device() -> str:
    """Such as ``cpu-2-cores`` or ``nvidia-h100-80gb-hbm3``."""
    if torch.cuda.is_available():
        return re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name().lower())
    return f"cpu-{os.cpu_count()}-cores"


def _describe_machine() -> dict[str, object]:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {
        "processor": model[1] if model else platform.processor(),
        "device": _name_device(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "commit": commit.stdout.strip(),
    }


def run_suite() -> None:
    """Measure, show each row as it comes, and write the report."""
    parser = argparse.ArgumentParser(description="Everything that can be measured here.")
    groups = ("device", "model", "cache", "queue", "start", "click", "prelabel", "beside")
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(groups)}; default all")
    parser.add_argument("--device", default=_name_device(), help="names the files")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="folder of the report")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(groups):
        parser.error(f"there is no group {', '.join(sorted(unknown))}")
    rows = []
    for row in _measure(options.groups):
        rows.append(row)
        print(make_table([row]).splitlines()[-1], flush=True)
    for path in write_report(options.out, options.device, _describe_machine(), rows):
        print(f"wrote {path}")
