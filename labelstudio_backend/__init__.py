"""Label Studio's words in, Label Studio's words out."""

from .app import create_app
from .brush import encode_brush_rle
from .errors import BackendError
from .images import ImageFetcher
from .prediction_service import EmbeddingSource, PredictionService
from .projects import Projects
from .settings import BackendSettings

__all__ = [
    "BackendError",
    "BackendSettings",
    "EmbeddingSource",
    "ImageFetcher",
    "PredictionService",
    "Projects",
    "create_app",
    "encode_brush_rle",
]
