"""Every key this product writes to Redis beside RQ's own, and how long each lives.

    esam:embedding:<model identity>:<image sha256>   header + raw array   (embedding_codec)
    esam:flight:<model identity>:<image sha256>      id of the job that is encoding it
    esam:image:<image sha256>                        the image file on its way to a worker
    esam:alias:<sha256 of URL and validators>        sha256 of the image that URL served

All of them expire, so that ``volatile-lru`` may evict them and never the queues.
"""

import hashlib
from typing import Final

INTERACTIVE: Final = "interactive"
PREFETCH: Final = "prefetch"
BATCH: Final = "batch"

QUEUES: Final = (INTERACTIVE, PREFETCH, BATCH)
"""In the order a worker serves them: an annotator who waits, one who soon will, nobody."""

EMBEDDING_TTL_S: Final = 7 * 24 * 3600
ALIAS_TTL_S: Final = 7 * 24 * 3600
IMAGE_TTL_S: Final = 15 * 60
FAILED_JOB_TTL_S: Final = 7 * 24 * 3600
FINISHED_JOB_TTL_S: Final = 60


def embedding_key(model_identity: str, image_sha256: str) -> str:
    """Key of an image's embedding by one model."""
    return f"esam:embedding:{model_identity}:{image_sha256}"


def flight_key(model_identity: str, image_sha256: str) -> str:
    """Key that says which job is encoding the image."""
    return f"esam:flight:{model_identity}:{image_sha256}"


def image_key(image_sha256: str) -> str:
    """Key of the image file a job is to encode."""
    return f"esam:image:{image_sha256}"


def alias_key(alias: str) -> str:
    """Key of a URL with its validators; hashed, since URLs may carry signatures."""
    return f"esam:alias:{hashlib.sha256(alias.encode()).hexdigest()}"
