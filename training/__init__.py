"""Train and measure the small model that ships: made scenes in, a checkpoint and figures out.

    from training import TrainingConfig, train
    weights = train(TrainingConfig(folder=Path("runs/nano"), minutes=90))

    from training import as_table, evaluate
    report = evaluate(load_predictor("nano", weights=weights))

Names are loaded when they are first asked for, so importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.configuration import TrainingConfig
    from training.display import TrainingDisplay
    from training.evaluation import EvaluationReport, PromptScore, as_table, evaluate
    from training.examples import Example, held_out_scenes, photos
    from training.prompts import PromptKind
    from training.scenes import Scene, make_scene
    from training.trainer import TrainingProgress, train

__all__ = [
    "EvaluationReport",
    "Example",
    "PromptKind",
    "PromptScore",
    "Scene",
    "TrainingConfig",
    "TrainingDisplay",
    "TrainingProgress",
    "as_table",
    "evaluate",
    "held_out_scenes",
    "make_scene",
    "photos",
    "train",
]

_HOMES = {
    "EvaluationReport": "evaluation",
    "Example": "examples",
    "PromptKind": "prompts",
    "PromptScore": "evaluation",
    "Scene": "scenes",
    "TrainingConfig": "configuration",
    "TrainingDisplay": "display",
    "TrainingProgress": "trainer",
    "as_table": "evaluation",
    "evaluate": "evaluation",
    "held_out_scenes": "examples",
    "make_scene": "scenes",
    "photos": "examples",
    "train": "trainer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
