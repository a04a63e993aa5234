"""What a run of the benchmark found: rows with stable names, as JSON, Markdown and a plot."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

import matplotlib as mpl

from .measuring import Timing

mpl.use("Agg")
import matplotlib.pyplot as plt

Better = Literal["more", "less"]
_BATCH = "encode.batch."


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Attributes:
        name: stable, such as ``decode.one.vitt``.
        value: the figure.
        unit: of it; ``x`` is a ratio within the run.
        better: whether more or less of it is better.
        target: what is aimed at, None where nothing is.
        note: what was measured, in a few words with the absolute figures.
        timings: what the figure was made of, by name.
    """

    name: str
    value: float
    unit: str
    better: Better
    target: float | None = None
    note: str = ""
    timings: Mapping[str, Timing] = field(default_factory=dict)

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.better == "more" else self.value <= self.target


def write_report(
    folder: Path, device: str, facts: Mapping[str, object], rows: Sequence[Row]
) -> list[Path]:
    """Write ``<device>.json``, ``<device>.md`` and ``<device>.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    json_path, table_path, plot_path = (folder / f"{device}.{x}" for x in ("json", "md", "png"))
    found = {
        "facts": {
            "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            **facts,
        },
        "rows": [{**asdict(row), "is_met": row.is_met} for row in rows],
    }
    json_path.write_text(json.dumps(found, indent=1) + "\n")
    table_path.write_text(make_table(rows))
    _draw(rows, plot_path)
    return [json_path, table_path, plot_path]


def make_table(rows: Sequence[Row]) -> str:
    """A Markdown table of the rows."""
    lines = ["| row | found | target | | what |", "|---|---|---|---|---|"]
    for row in rows:
        sign = "≥" if row.better == "more" else "≤"
        target = "" if row.target is None else f"{sign} {_show(row.target, row.unit)}"
        met = {True: "met", False: "**missed**", None: ""}[row.is_met]
        found = f"{_show(row.value, row.unit)}{_spread(row)}"
        lines.append(f"| `{row.name}` | {found} | {target} | {met} | {row.note} |")
    return "\n".join(lines) + "\n"


def _show(value: float, unit: str) -> str:
    text = f"{value:.3f}" if unit == "IoU" else f"{value:.3g}" if value < 100 else f"{value:,.0f}"
    return f"{text} {unit}".replace(" x", "×")


def _spread(row: Row) -> str:
    timing = row.timings.get("ours")
    if timing is None or row.unit != "ms":
        return ""
    return f" ({timing.low_ms:.3g} to {timing.high_ms:.3g})"


def _draw(rows: Sequence[Row], path: Path) -> None:
    """Latency by stage beside throughput by batch size."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for row in rows:
        if row.name.startswith("click.stages."):
            start = 0.0
            for number, (stage, timing) in enumerate(row.timings.items()):
                size = row.name.removeprefix("click.stages.")
                left.barh(size, timing.median_ms, left=start, color=f"C{number}", label=stage)
                start += timing.median_ms
    handles, labels = left.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    left.legend(unique.values(), unique.keys(), fontsize="small")
    left.set(title="A warm click by stage", xlabel="ms")
    for label, found in _find_batches(rows).items():
        right.plot(*zip(*sorted(found), strict=True), marker="o", label=label)
    right.set(title="Encoder", xlabel="images a batch", ylabel="images/s", yscale="log")
    right.legend(fontsize="small")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _find_batches(rows: Sequence[Row]) -> dict[str, list[tuple[int, float]]]:
    """By model, and dtype where it is not float32: (images a batch, images a second)."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row.name.startswith(_BATCH):
            label, _, size = row.name.removeprefix(_BATCH).rpartition(".")
            found.setdefault(label, []).append((int(size), row.value))
    return found
