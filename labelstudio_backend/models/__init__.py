"""What was learned from projects: kept, chosen for each project, loaded when it is used."""

from .learned_model import LearnedModel, Lesson, PromptFigures, describe_decoder
from .model_store import ModelStore
from .project_models import ProjectModels

__all__ = [
    "LearnedModel",
    "Lesson",
    "ModelStore",
    "ProjectModels",
    "PromptFigures",
    "describe_decoder",
]
