"""A page to click on one's own images with, without Label Studio: ``/play``."""

from .messages import MaskRequest
from .play_routes import add_play_routes
from .playground import Playground
from .sample import Sample

__all__ = ["MaskRequest", "Playground", "Sample", "add_play_routes"]
