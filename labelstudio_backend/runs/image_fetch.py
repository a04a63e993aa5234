"""A task's image for work on a whole project, where it is worth waiting for Label Studio."""

from ..errors import ImageHostError
from ..images import ImageFetcher
from ..label_studio_client import LabelStudioClient


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
