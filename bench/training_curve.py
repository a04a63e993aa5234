"""The curve of a training run: ``python -m bench.training_curve LOG... --out PICTURE``.

Each log is a run's ``log.jsonl``; further ones are runs that went on from the weights of the one
before (``esam train --start``), and are drawn behind it.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

_SETTLING_STEPS = 100
_IOU_COLOUR, _LOSS_COLOUR = "tab:blue", "tab:orange"


def draw_curve(logs: list[Path], out: Path) -> None:
    """Draw IoU of the chosen candidate and loss by step.

    Args:
        logs: of runs, in order.
        out: the picture.
    """
    figure, iou_axes = plt.subplots(figsize=(7.6, 3.5), dpi=100)
    loss_axes = iou_axes.twinx()
    first_step, minutes = 0, 0.0
    for number, log in enumerate(logs):
        reports = _read(log)
        steps = [first_step + report["step"] for report in reports]
        iou_axes.plot(steps, [r["chosen_iou"] for r in reports], color=_IOU_COLOUR)
        loss_axes.plot(steps, [r["loss"] for r in reports], color=_LOSS_COLOUR)
        if number:
            _mark(iou_axes, first_step, "goes on, rate up again", height=0.75)
        _mark(iou_axes, first_step + _find_fall(reports), "learning rate falls")
        first_step, minutes = steps[-1], minutes + reports[-1]["trained_s"] / 60
    iou_axes.set(xlabel="step", ylim=(0, 0.8), title=_title(minutes))
    iou_axes.set_ylabel("IoU", color=_IOU_COLOUR)
    loss_axes.set_ylabel("loss", color=_LOSS_COLOUR)
    loss_axes.set_ylim(0, 4)
    iou_axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out)


def _title(minutes: float) -> str:
    return f"nano, {minutes:.0f} minutes on two cores: running means over 50 steps"


def _read(log: Path) -> list[dict[str, Any]]:
    """The figures of a run; what was done again after a stop counts once.

    Running means begin anew with each sitting: the first of a later one are left out.
    """
    by_step, first_step = {}, 0
    for record in map(json.loads, log.read_text().splitlines()):
        if "start" in record:
            first_step = record["start"] + _SETTLING_STEPS if record["start"] else 0
        elif record["step"] >= first_step:
            by_step[record["step"]] = record
    return [by_step[step] for step in sorted(by_step)]


def _find_fall(reports: list[dict[str, Any]]) -> int:
    """The step at which the learning rate begins to fall for good."""
    rises = [b["step"] for a, b in pairwise(reports) if b["learning_rate"] >= a["learning_rate"]]
    return int(rises[-1])


def _mark(axes: Axes, step: int, text: str, height: float = 0.04) -> None:
    axes.axvline(step, color="grey", linestyle="--", linewidth=1)
    axes.annotate(text, (step, height), xytext=(4, 0), textcoords="offset points", color="grey")


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description="The curve of training runs.")
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    draw_curve(options.logs, options.out)


if __name__ == "__main__":
    main()
