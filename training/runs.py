"""The folder of a training run: state to resume from, log, and weights.

`state.pt` is replaced atomically, so a run that is killed loses at most the minutes since the last
save. `log.jsonl` has a line of settings for each start and a line of figures every few steps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.errors import TrainingError
from training.optimizer import MuonAndAdamW

STATE_NAME = "state.pt"
LOG_NAME = "log.jsonl"


@dataclass
class RunState:
    """Everything that changes while training, beside the model and the optimizer.

    Attributes:
        step: steps done.
        trained_s: seconds of training, summed over resumes.
        average: running mean of the weights by name, float32.
    """

    step: int
    trained_s: float
    average: dict[str, Tensor]


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it there in one go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_state(folder: Path, state: RunState, model: nn.Module, optimizer: MuonAndAdamW) -> None:
    """Write the run's state; a reader sees the old or the new one, never half of it."""
    content = {
        "step": state.step,
        "trained_s": state.trained_s,
        "average": state.average,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
    }
    replace_file(folder / STATE_NAME, lambda path: torch.save(content, path))


def load_state(folder: Path, model: nn.Module, optimizer: MuonAndAdamW) -> RunState | None:
    """Bring model, optimizer and random state back; None when the folder holds no run.

    Raises:
        TrainingError: the run is of another network or another optimizer.
    """
    path = folder / STATE_NAME
    if not path.is_file():
        return None
    content = torch.load(path, map_location="cpu", weights_only=True)
    try:
        model.load_state_dict(content["model"])
        optimizer.load_state_dict(content["optimizer"])
    except (RuntimeError, KeyError) as error:
        raise TrainingError(
            f"the run in {folder} has another network or optimizer than this version trains; "
            "begin anew with another --folder"
        ) from error
    torch.set_rng_state(content["rng"])
    return RunState(content["step"], content["trained_s"], content["average"])


def append_record(folder: Path, record: dict[str, Any]) -> None:
    """Add one line to the run's log."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG_NAME).open("a", encoding="utf-8") as log:
        log.write(json.dumps(record) + "\n")
