"""Label Studio's words in, Label Studio's words out."""

from .app import create_app
from .background import BackgroundRuns, WarmStart
from .embedding_access import connect_embeddings
from .errors import (
    BackendError,
    LabelStudioError,
    LabelStudioTokenRefused,
    LabelStudioUnreachable,
    ModelConflict,
    ModelMissing,
    PredictionRefused,
    ProjectMissing,
    RunConflict,
    RunMissing,
    TaskMissing,
)
from .images.fetcher import ImageFetcher
from .images.file_name import find_file_name
from .job_resources import JobResources, set_job_resources
from .label_config import LabelConfig, parse_label_config
from .label_studio.account import LabelStudioAccount
from .label_studio.answers import DrawnPrediction, DrawnTask, Project
from .label_studio.client import LabelStudioClient
from .label_studio.session import LabelStudioSession
from .labeled_task import LabeledTask, Prediction
from .models import ModelStore, ProjectModels
from .operators.readiness import ReadinessProbe
from .operators.recent_failures import RecentFailures
from .operators.service_observer import ServiceObserver
from .outputs import DrawnRegion, encode_brush_rle, make_polygons, read_drawn_regions
from .play import Playground, Sample
from .prediction_service import PredictionService
from .project_jobs import PROJECT_JOBS
from .project_work import ProjectWork
from .projects import Projects
from .prompted_image import EmbeddingSource
from .protocol import Task
from .regions import clip_box
from .settings import BackendSettings, Prelabel
from .task_labeler import LabelingPlan, TaskLabeler, TaskPrompt
from .task_prompts import BoxPrompt, PromptSource, find_image_source

__all__ = [
    "PROJECT_JOBS",
    "BackendError",
    "BackendSettings",
    "BackgroundRuns",
    "BoxPrompt",
    "DrawnPrediction",
    "DrawnRegion",
    "DrawnTask",
    "EmbeddingSource",
    "ImageFetcher",
    "JobResources",
    "LabelConfig",
    "LabelStudioAccount",
    "LabelStudioClient",
    "LabelStudioError",
    "LabelStudioSession",
    "LabelStudioTokenRefused",
    "LabelStudioUnreachable",
    "LabeledTask",
    "LabelingPlan",
    "ModelConflict",
    "ModelMissing",
    "ModelStore",
    "Playground",
    "Prediction",
    "PredictionRefused",
    "PredictionService",
    "Prelabel",
    "Project",
    "ProjectMissing",
    "ProjectModels",
    "ProjectWork",
    "Projects",
    "PromptSource",
    "ReadinessProbe",
    "RecentFailures",
    "RunConflict",
    "RunMissing",
    "Sample",
    "ServiceObserver",
    "Task",
    "TaskLabeler",
    "TaskMissing",
    "TaskPrompt",
    "WarmStart",
    "clip_box",
    "connect_embeddings",
    "create_app",
    "encode_brush_rle",
    "find_file_name",
    "find_image_source",
    "make_polygons",
    "parse_label_config",
    "read_drawn_regions",
    "set_job_resources",
]
