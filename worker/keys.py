"""Every key this product writes to Redis beside RQ's own, and how long each lives.

    esam:embedding:<model identity>:<view>     header + raw array   (embedding_codec)
    esam:flight:<model identity>:<view>        id of the job that is encoding it
    esam:image:<view>                          the image file on its way to a worker
    esam:waiting:<model identity>              list of views whose interactive jobs wait
    esam:alias:<sha256 of URL and validators>  sha256 of the image that URL served
    esam:counters                              what all processes counted  (counters)
    esam:deaths:<model identity>:<view>        workers that began to encode it and did not end
    esam:jobs:<queue>                          ids of the queue's jobs that are not over

A view is what is encoded: ``<image sha256>``, or ``<image sha256>@<x0>,<y0>,<width>,<height>`` for
a tile of the image.

All but the counters and the jobs expire, so that ``volatile-lru`` may evict them and never the
queues.
"""

import hashlib
from typing import Final

from core import Tile

INTERACTIVE: Final = "interactive"
PREFETCH: Final = "prefetch"
BATCH: Final = "batch"

QUEUES: Final = (INTERACTIVE, PREFETCH, BATCH)
"""In the order a worker serves them: an annotator who waits, one who soon will, nobody."""

COUNTERS_KEY: Final = "esam:counters"

EMBEDDING_TTL_S: Final = 7 * 24 * 3600
ALIAS_TTL_S: Final = 7 * 24 * 3600
IMAGE_TTL_S: Final = 15 * 60
DEATHS_TTL_S: Final = 3600
FAILED_JOB_TTL_S: Final = 7 * 24 * 3600
FINISHED_JOB_TTL_S: Final = 60


def view_of(image_sha256: str, tile: Tile | None = None) -> str:
    """What is encoded: the whole image, or a tile of it."""
    if tile is None:
        return image_sha256
    return f"{image_sha256}@{tile.x0_px},{tile.y0_px},{tile.width_px},{tile.height_px}"


def parse_view(view: str) -> tuple[str, Tile | None]:
    """SHA-256 and tile of what ``view_of`` made.

    Raises:
        ValueError: it is no view.
    """
    image_sha256, _, tile = view.partition("@")
    if not tile:
        return image_sha256, None
    x0, y0, width, height = map(int, tile.split(","))
    return image_sha256, Tile(x0, y0, width, height)


def embedding_key(model_identity: str, view: str) -> str:
    """Key of a view's embedding by one model."""
    return f"esam:embedding:{model_identity}:{view}"


def flight_key(model_identity: str, view: str) -> str:
    """Key that says which job is encoding the view."""
    return f"esam:flight:{model_identity}:{view}"


def deaths_key(model_identity: str, view: str) -> str:
    """Key that counts the workers that died over a view, one after the other."""
    return f"esam:deaths:{model_identity}:{view}"


def image_key(view: str) -> str:
    """Key of the image file that a job is to encode a view of."""
    return f"esam:image:{view}"


def waiting_key(model_identity: str) -> str:
    """Key of the list of views that callers wait for and no worker has begun."""
    return f"esam:waiting:{model_identity}"


def alias_key(alias: str) -> str:
    """Key of a URL with its validators; hashed, since URLs may carry signatures."""
    return f"esam:alias:{hashlib.sha256(alias.encode()).hexdigest()}"


def unfinished_jobs_key(queue: str) -> str:
    """Key of the ids of a queue's jobs that are not over; a part of the queue, never evicted."""
    return f"esam:jobs:{queue}"
