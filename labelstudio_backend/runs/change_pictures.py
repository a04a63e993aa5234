"""Pictures of what learning changed most, for better and for worse."""

import io
import logging
from collections.abc import Sequence

from PIL import Image

from core import EfficientSAMError, Predictor
from training import Change, draw_change
from worker import WorkerError

from ..errors import BackendError
from .lesson_images import LessonImages
from .lesson_report import ChangePicture

logger = logging.getLogger(__name__)

MOST = 4
"""Pictures of gains, and as many of losses."""

_JPEG_QUALITY = 85


def draw_pictures(
    changes: Sequence[Change], images: LessonImages, before: Predictor, after: Predictor
) -> list[tuple[ChangePicture, bytes]]:
    """Draw the objects whose answer to one click changed most, as JPEG files.

    An image that cannot be had any more gets no picture.

    Args:
        changes: of all objects that were measured.
        images: that they lie on.
        before: what was in use.
        after: what was learned.
    """
    ordered = sorted(changes, key=lambda change: change.one_click_gain, reverse=True)
    gains = [change for change in ordered[:MOST] if change.one_click_gain > 0]
    losses = [change for change in ordered[: -MOST - 1 : -1] if change.one_click_gain < 0]
    named = [(f"gain-{n}", change) for n, change in enumerate(gains, 1)]
    named += [(f"loss-{n}", change) for n, change in enumerate(losses, 1)]
    drawn = []
    for name, change in named:
        view = change.found.closest.view
        try:
            rgb = images.fetch(view)
            picture = draw_change(rgb, change, images.find_features(view), before, after)
        except (BackendError, EfficientSAMError, WorkerError) as error:
            logger.warning("no picture of %s: %s", name, error)
            continue
        task = images.find_task(change.found.image)
        old, new = change.one_click
        described = ChangePicture(name=f"{name}-task-{task}.jpg", task=task, before=old, after=new)
        drawn.append((described, _write_jpeg(picture)))
    return drawn


def _write_jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()
