"""Train and measure: the small model that ships from made scenes, and decoders from projects.

    from training import TrainingConfig, train
    weights = train(TrainingConfig(folder=Path("runs/nano"), minutes=90))

    from training import as_table, evaluate
    report = evaluate(load_predictor("nano", weights=weights))

    from training import FineTuning
    learning = FineTuning(base, in_use, objects, embed)
    while not learning.is_over:
        learning.advance()

Names are loaded when they are first asked for, so importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.accepted_objects import AcceptedObject, ObjectView
    from training.change_picture import draw_change
    from training.comparison import Change, ComparedPrompt, Comparison, as_comparison_table
    from training.configuration import TrainingConfig
    from training.decoder_training import DecoderTrainingConfig
    from training.display import TrainingDisplay
    from training.errors import TooFewObjects, TrainingError
    from training.evaluation import EvaluationReport, PromptScore, as_table, evaluate
    from training.examples import Example, held_out_scenes, photos
    from training.fine_tuning import FineTuning, FineTuningPhase, FineTuningProgress
    from training.prompts import PromptKind
    from training.scenes import Scene, make_scene
    from training.trainer import TrainingProgress, train

__all__ = [
    "AcceptedObject",
    "Change",
    "ComparedPrompt",
    "Comparison",
    "DecoderTrainingConfig",
    "EvaluationReport",
    "Example",
    "FineTuning",
    "FineTuningPhase",
    "FineTuningProgress",
    "ObjectView",
    "PromptKind",
    "PromptScore",
    "Scene",
    "TooFewObjects",
    "TrainingConfig",
    "TrainingDisplay",
    "TrainingError",
    "TrainingProgress",
    "as_comparison_table",
    "as_table",
    "draw_change",
    "evaluate",
    "held_out_scenes",
    "make_scene",
    "photos",
    "train",
]

_HOMES = {
    "AcceptedObject": "accepted_objects",
    "Change": "comparison",
    "ComparedPrompt": "comparison",
    "Comparison": "comparison",
    "DecoderTrainingConfig": "decoder_training",
    "EvaluationReport": "evaluation",
    "Example": "examples",
    "FineTuning": "fine_tuning",
    "FineTuningPhase": "fine_tuning",
    "FineTuningProgress": "fine_tuning",
    "ObjectView": "accepted_objects",
    "PromptKind": "prompts",
    "PromptScore": "evaluation",
    "Scene": "scenes",
    "TooFewObjects": "errors",
    "TrainingConfig": "configuration",
    "TrainingDisplay": "display",
    "TrainingError": "errors",
    "TrainingProgress": "trainer",
    "as_comparison_table": "comparison",
    "as_table": "evaluation",
    "draw_change": "change_picture",
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
