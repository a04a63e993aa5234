"""A task's image for work on a whole project, where it is worth waiting for Label Studio."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from worker import WorkerContext

from ..errors import ImageHostError, MasksUnusable
from ..images.fetcher import ImageFetcher
from ..label_config import LabelConfig
from ..label_studio.answers import DrawnTask
from ..label_studio.client import LabelStudioClient
from ..protocol import Task
from ..task_prompts import find_image_source


def fetch_image(
    images: ImageFetcher, client: LabelStudioClient, source: str, task_id: int
) -> bytes:
    """The content of an image.

    Args:
        images: fetches it.
        client: of the task's Label Studio; it is patient.
        source: what the task says of where it is.
        task_id: the task.

    Raises:
        ImageUnusable, ImageHostError: it cannot be had.
        LabelStudioError: Label Studio is away, or refuses the token.
    """
    try:
        with images.open(source, client.account, task_id) as image:
            return image.read()
    except ImageHostError:
        # Label Studio may be restarting, or the token expired: this waits, or says so.
        client.find_user()
    with images.open(source, client.account, task_id) as image:
        return image.read()


def fetch_rgb(
    context: WorkerContext,
    client: LabelStudioClient,
    images: ImageFetcher,
    config: LabelConfig,
    task: DrawnTask,
    image_name: str,
) -> tuple[str, NDArray[np.uint8]]:
    """SHA-256 of a task's image file, and the image (H, W, 3).

    Raises:
        MasksUnusable: the label config has no such image.
        ImageUnusable, ImageHostError, ImageError: it cannot be had, or not be read.
        LabelStudioError: Label Studio is away, or refuses the token.
    """
    data_key = config.data_keys.get(image_name)
    if data_key is None:
        raise MasksUnusable(
            f"its masks lie on {image_name!r:.40}, which is no image of the label config"
        )
    source = find_image_source(Task(id=task.id, data=task.data), data_key)
    content = fetch_image(images, client, source, task.id)
    return hashlib.sha256(content).hexdigest(), context.read_image(content)
