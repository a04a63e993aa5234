"""The doctor's check of images: one of each kind of storage, really read."""

from collections.abc import Mapping, Sequence

from core import read_image
from labelstudio_backend import (
    BackendSettings,
    ImageFetcher,
    LabelConfig,
    LabelStudioAccount,
    LabelStudioClient,
)

from .findings import Found, Problem

_FIRST_TASKS = 100
_CLOUD_SCHEMES = ("s3", "gs", "azure-blob")

Sample = tuple[int | str | None, str]
"""Task id, and the image as the task names it."""


def find_samples(
    client: LabelStudioClient, config: LabelConfig, project_id: int
) -> Found[Mapping[str, Sample]]:
    """The first image of each kind of storage among the project's first tasks.

    Raises:
        Problem: no task has an image.
        LabelStudioError: Label Studio does not list them.
    """
    page = client.list_tasks(project_id, page=1, page_size=_FIRST_TASKS)
    tasks = client.find_tasks(project_id, [task.id for task in page.tasks])
    if not tasks:
        raise Problem("the project has no tasks", "import images")
    samples: dict[str, Sample] = {}
    without = []
    for task in tasks:
        sources = [task.data.get(key) for key in config.data_keys.values()]
        named = [source for source in sources if isinstance(source, str) and source.strip()]
        if not named:
            without.append(task.id)
        for source in named:
            samples.setdefault(name_storage(source), (task.id, source))
    fields = ", ".join(map(repr, config.data_keys.values()))
    if not samples:
        raise Problem(
            f"none of the first {len(tasks)} tasks has an image in {fields}",
            "make the Image tag's value the field that holds the image",
        )
    text = f"first {len(tasks)} tasks: {', '.join(samples)}"
    if without:
        return Found(text, samples, f"no image in {fields}: tasks {_shorten(without)}")
    return Found(text, samples)


def check_image(account: LabelStudioAccount, sample: Sample) -> Found[None]:
    """Read an image as the backend would.

    Raises:
        BackendError: it cannot be fetched; its message says what to do.
        ImageError: it cannot be read; likewise.
    """
    settings = BackendSettings()
    fetcher = ImageFetcher.from_settings(settings)
    task_id, source = sample
    with fetcher.open(source, account, task_id) as image:
        content = image.read()
    height_px, width_px = read_image(content).shape[:2]
    return Found(f"task {task_id}: {width_px} × {height_px} pixels, {len(content):,} bytes", None)


def name_storage(source: str) -> str:
    """The kind of storage that a task's image lies in."""
    text = source.strip()
    scheme, separator, _ = text.partition(":")
    scheme = scheme.lower()
    if separator and scheme == "data":
        return "data URI"
    if separator and scheme in _CLOUD_SCHEMES:
        return f"{scheme}://"
    if "/data/upload/" in text:
        return "upload"
    if "/data/local-files/" in text:
        return "local file"
    if separator and scheme in ("http", "https"):
        return "http(s)"
    return "path in Label Studio" if text.startswith("/") else "something else"


def _shorten(task_ids: Sequence[object]) -> str:
    shown = ", ".join(map(str, task_ids[:5]))
    return shown if len(task_ids) <= 5 else f"{shown} and {len(task_ids) - 5} more"
