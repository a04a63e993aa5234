"""From a project's annotations or predictions to a dataset, image by image."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import UnidentifiedImageError

from labelstudio_backend import (
    BackendError,
    DrawnTask,
    ImageFetcher,
    LabelConfig,
    LabelStudioAccount,
    LabelStudioClient,
    Task,
    find_image_source,
    read_drawn_regions,
)

from .image_files import ImageNames, turn_upright
from .labelled_image import UNLABELLED, DatasetWriter, LabelledImage, LabelledObject

_TASKS_A_PAGE = 100

Regions = list[Mapping[str, Any]]


@dataclass(frozen=True)
class ImageExport:
    """How images come along.

    Attributes:
        fetcher: gets them.
        folder: where they are written.
    """

    fetcher: ImageFetcher
    folder: Path


@dataclass
class ExportSummary:
    """What an export came to.

    Attributes:
        tasks: looked at.
        images: written.
        objects: written.
        empty: tasks on which nothing is drawn.
        failures: task and reason of what could not be written.
    """

    tasks: int = 0
    images: int = 0
    objects: int = 0
    empty: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Export:
    """One export under way."""

    config: LabelConfig
    writer: DatasetWriter
    images: ImageExport | None
    account: LabelStudioAccount
    names: ImageNames = field(default_factory=ImageNames)

    def write(self, task: DrawnTask, result: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
        """Images and objects written."""
        by_image = _group_by_image(result, self.config)
        objects = sum(self._write_image(task, name, found) for name, found in by_image.items())
        return len(by_image), objects

    def _write_image(self, task: DrawnTask, image_name: str, regions: list[Regions]) -> int:
        source = find_image_source(
            Task(id=task.id, data=task.data), self.config.data_keys[image_name]
        )
        first = regions[0][0]
        size_hw = int(first["original_height"]), int(first["original_width"])
        image = LabelledImage(
            task.id, self.names.choose(source, task.id), size_hw, _read_objects(regions, size_hw)
        )
        if self.images is None:
            return self.writer.add(image)
        # Neither is there without the other: an image without labels would say that it is empty.
        content = self._fetch(source, image, self.images.fetcher)
        objects = self.writer.add(image)
        self.images.folder.mkdir(parents=True, exist_ok=True)
        (self.images.folder / image.file_name).write_bytes(content)
        return objects

    def _fetch(self, source: str, image: LabelledImage, fetcher: ImageFetcher) -> bytes:
        with fetcher.open(source, self.account, image.task) as opened:
            content, size_hw = turn_upright(opened.read())
        if size_hw != image.size_hw:
            raise ValueError(
                f"it was drawn on an image of {image.size_hw[1]}×{image.size_hw[0]} pixels, and "
                f"the image now has {size_hw[1]}×{size_hw[0]}"
            )
        return content


def export_project(
    client: LabelStudioClient,
    project_id: int,
    config: LabelConfig,
    writer: DatasetWriter,
    choose: Callable[[DrawnTask], Sequence[Mapping[str, Any]]],
    images: ImageExport | None = None,
    on_progress: Callable[[ExportSummary, int], None] | None = None,
) -> ExportSummary:
    """Write what is drawn on a project's tasks; one that cannot be written is noted and left out.

    Args:
        client: of its Label Studio.
        project_id: the project.
        config: its label config.
        writer: of the dataset.
        choose: what counts of a task, as Label Studio keeps it; nothing leaves the task out.
        images: how images come along; None leaves them where they are.
        on_progress: told of what was done so far, and of how many tasks there are.

    Raises:
        LabelStudioError: Label Studio does not answer, refuses, or has no such project.
        OSError: a file cannot be written.
    """
    summary = ExportSummary()
    export = _Export(config, writer, images, client.account)
    for task, total in _list_tasks(client, project_id):
        summary.tasks += 1
        try:
            written, objects = export.write(task, choose(task))
        except (BackendError, UnidentifiedImageError, ValueError, KeyError, TypeError) as error:
            summary.failures.append((task.id, str(error)))
        else:
            summary.images += written
            summary.objects += objects
            summary.empty += not written
        if on_progress:
            on_progress(summary, total)
    writer.finish()
    return summary


def _list_tasks(client: LabelStudioClient, project_id: int) -> Iterator[tuple[DrawnTask, int]]:
    """Each task and how many there are; tasks that come or go meanwhile move no other."""
    last, total = 0, None
    while True:
        behind = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number"}
        filters = {"conjunction": "and", "items": [{**behind, "value": last}]}
        page = client.list_tasks(project_id, page=1, page_size=_TASKS_A_PAGE, filters=filters)
        if not page.tasks:
            return
        total = page.total if total is None else total
        last = page.tasks[-1].id
        for task in client.find_drawn_tasks(project_id, [task.id for task in page.tasks]):
            yield task, total


def _group_by_image(
    result: Sequence[Mapping[str, Any]], config: LabelConfig
) -> dict[str, list[Regions]]:
    """The regions by image tag, each with all its items; prompts are no objects and stay out."""
    output_names = {output.name for output in config.output_tags}
    regions: dict[object, Regions] = {}
    for number, item in enumerate(result):
        regions.setdefault(item.get("id", number), []).append(item)
    by_image: dict[str, list[Regions]] = {}
    for items in regions.values():
        if any(item.get("from_name") in output_names for item in items):
            by_image.setdefault(str(items[0].get("to_name")), []).append(items)
    return by_image


def _read_objects(regions: list[Regions], size_hw: tuple[int, int]) -> Iterator[LabelledObject]:
    for items in regions:
        for drawn in read_drawn_regions(items):
            if drawn.mask.shape != size_hw:
                raise ValueError(
                    f"its regions are of images of {size_hw[1]}×{size_hw[0]} and "
                    f"{drawn.mask.shape[1]}×{drawn.mask.shape[0]} pixels"
                )
            if drawn.mask.any():
                label = drawn.labels[0] if drawn.labels else UNLABELLED
                yield LabelledObject(label, drawn.score, drawn.mask)
