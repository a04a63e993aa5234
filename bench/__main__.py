"""``python -m bench``: every row that this machine can measure, in one run.

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

from .cache_rows import measure_cache
from .model_rows import measure_model
from .prelabel import measure_prelabel
from .report import Row, make_table, write_report
from .service_rows import measure_clicks, measure_queue, measure_starts

_RESULTS = Path(__file__).parent / "results"


def _measure(groups: Iterable[str]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        known: dict[str, Callable[[], Iterator[Row]]] = {
            "model": partial(_both, lambda name: measure_model(Path(folder), name)),
            "cache": measure_cache,
            "queue": measure_queue,
            "start": measure_starts,
            "click": partial(_both, measure_clicks),
            "prelabel": measure_prelabel,
        }
        for group in groups or known:
            yield from known[group]()


def _both(measure: Callable[[str], Iterator[Row]]) -> Iterator[Row]:
    for name in ("vitt", "nano"):
        yield from measure(name)


def _describe_machine() -> dict[str, object]:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {
        "processor": model[1] if model else platform.processor(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "commit": commit.stdout.strip(),
    }


def main() -> None:
    """Measure, show each row as it comes, and write the report."""
    parser = argparse.ArgumentParser(description="Everything that can be measured here.")
    groups = ("model", "cache", "queue", "start", "click", "prelabel")
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(groups)}; default all")
    parser.add_argument("--device", default=f"cpu-{os.cpu_count()}-cores", help="names the files")
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


if __name__ == "__main__":
    main()
