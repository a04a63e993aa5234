"""Images in cloud storage: ``s3://bucket/dog.jpg``, which only Label Studio can open.

Label Studio has the storage's credentials. Its resolve endpoint redirects to a URL that is signed
for a while, or passes the file on by itself where the storage has pre-signed URLs turned off.
"""

import base64

import httpx

from ..errors import ImageSourceRefused
from .account import LabelStudioAccount, require_account

SCHEMES = ("s3", "gs", "azure-blob")
"""Of all storages that the resolve endpoint of Label Studio 1.23 knows."""

_RESOLVE = "/resolve/"


def is_cloud_uri(source: str) -> bool:
    """Whether a task's image lies in cloud storage."""
    return source.strip().startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def resolve_cloud_uri(
    source: str, account: LabelStudioAccount | None, task_id: int | str | None
) -> httpx.URL:
    """The URL at which Label Studio opens a cloud URI of a task.

    Args:
        source: what the task says.
        account: the project's Label Studio.
        task_id: the task; its project's storages are tried.

    Raises:
        LabelStudioUnknown: there is no account.
        ImageSourceRefused: there is no task.
    """
    uri = source.strip()
    account = require_account(account, uri)
    task = str(task_id)
    if not (task.isascii() and task.isdigit()):
        raise ImageSourceRefused(
            f"the image {uri!r} is in cloud storage, which Label Studio opens for one of its tasks "
            f"only, and the task's id is {task_id!r:.40}"
        )
    encoded = base64.urlsafe_b64encode(uri.encode()).decode()
    return account.resolve(f"/tasks/{task}{_RESOLVE}").copy_set_param("fileuri", encoded)


def find_cloud_uri(url: httpx.URL) -> str | None:
    """The cloud URI in a URL of ``resolve_cloud_uri``; None in any other."""
    encoded = url.params.get("fileuri")
    if encoded is None or not url.path.endswith(_RESOLVE):
        return None
    try:
        uri = base64.urlsafe_b64decode(encoded).decode()
    except ValueError:
        return None
    return uri if is_cloud_uri(uri) else None
