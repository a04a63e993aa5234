"""What a run predicted, drawn: one HTML file with all pictures in it."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import httpx
import numpy as np
from jinja2 import Environment, PackageLoader
from PIL import Image
from pydantic import SecretStr

from core import EfficientSAMError, draw_masks, pick_colour, read_image
from labelstudio_backend import (
    BackendError,
    BackendSettings,
    DrawnPrediction,
    DrawnRegion,
    ImageFetcher,
    LabelConfig,
    LabelStudioAccount,
    LabelStudioClient,
    Task,
    find_image_source,
    parse_label_config,
    read_drawn_regions,
)

from .backend_answers import Failure, Run

_THREADS = 4
_PICTURE_PX = 640
_JPEG_QUALITY = 82
# Titles, labels and reasons are other people's words.
_PAGES = Environment(
    loader=PackageLoader("esam"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Card:
    """One image of the gallery, or why there is none.

    Attributes:
        task: id of the task.
        score: of the prediction.
        picture: ``data:`` URL of the drawn image; None where there is a problem.
        legend: CSS colour and words of each region.
        problem: why there is no picture.
    """

    task: int
    score: float | None = None
    picture: str | None = None
    legend: tuple[tuple[str, str], ...] = ()
    problem: str | None = None


def make_account(base_url: str, token: str) -> LabelStudioAccount:
    """Where Label Studio is, and the token that it is shown."""
    return LabelStudioAccount(httpx.URL(base_url), SecretStr(token))


def make_gallery(
    run: Run,
    predicted: Sequence[int],
    failures: Sequence[Failure],
    account: LabelStudioAccount,
    limit: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> str:
    """The page: pictures with the lowest scores first, then what failed.

    Args:
        run: the run.
        predicted: the tasks it gave a prediction.
        failures: the tasks it could not predict.
        account: its Label Studio, where images and predictions are read.
        limit: at most so many tasks, evenly spread.
        on_progress: called with tasks drawn and tasks to draw.

    Raises:
        LabelStudioError: Label Studio does not answer, refuses, or has no such project.
        LabelConfigInvalid: the project's label config cannot be read any more.
    """
    chosen = _spread(predicted, limit)
    client = LabelStudioClient(account)
    try:
        artist = _Artist(client, run)
        tasks = {task.id: task for task in client.find_tasks(run.project, chosen)}
        cards: list[Card] = []
        with ThreadPoolExecutor(_THREADS, "gallery") as pool:
            for done, drawn in enumerate(pool.map(partial(artist.draw, tasks), chosen), 1):
                cards += drawn
                if on_progress:
                    on_progress(done, len(chosen))
    finally:
        client.close()
    cards.sort(key=_by_score)
    return _PAGES.get_template("gallery.html").render(
        run=run,
        predicted=len(predicted),
        shown=len(chosen),
        cards=cards,
        failures=failures,
        task_url=f"{str(account.base_url).rstrip('/')}/projects/{run.project}/data?task=",
    )


class _Artist:
    """Draws the tasks of one run. Safe between threads."""

    def __init__(self, client: LabelStudioClient, run: Run) -> None:
        settings = BackendSettings()
        self._client = client
        self._run = run
        self._config: LabelConfig = parse_label_config(
            client.find_project(run.project).label_config
        )
        self._images = ImageFetcher.from_settings(settings)

    def draw(self, tasks: Mapping[int | str | None, Task], task_id: int) -> list[Card]:
        """The cards of a task, one an image that its prediction lies on."""
        try:
            prediction = self._client.find_prediction(task_id, self._run.model_version)
            if prediction is None or task_id not in tasks:
                return [Card(task_id, problem="its prediction was deleted since")]
            return self._draw_prediction(tasks[task_id], task_id, prediction)
        except (BackendError, EfficientSAMError, ValueError) as error:
            return [Card(task_id, problem=str(error))]

    def _draw_prediction(self, task: Task, task_id: int, prediction: DrawnPrediction) -> list[Card]:
        regions = read_drawn_regions(prediction.result)
        by_image: dict[str, list[DrawnRegion]] = {}
        for region in regions:
            by_image.setdefault(region.image_name, []).append(region)
        return [
            self._draw_image(task, task_id, prediction.score, image_name, found)
            for image_name, found in by_image.items()
        ] or [Card(task_id, prediction.score, problem="its prediction holds no region")]

    def _draw_image(
        self,
        task: Task,
        task_id: int,
        score: float | None,
        image_name: str,
        regions: list[DrawnRegion],
    ) -> Card:
        source = find_image_source(task, self._config.data_keys[image_name])
        with self._images.open(source, self._client.account, task_id) as opened:
            rgb = read_image(opened.read())
        # The small ones last, so that they are seen on top of what they are part of.
        regions = sorted(regions, key=lambda region: int(region.mask.sum()), reverse=True)
        for region in regions:
            if region.mask.shape != rgb.shape[:2]:
                raise ValueError(
                    f"its prediction is of an image of {region.mask.shape[1]}×"
                    f"{region.mask.shape[0]} pixels, the image now has {rgb.shape[1]}×"
                    f"{rgb.shape[0]}"
                )
        picture = draw_masks(rgb, (region.mask for region in regions))
        legend = tuple(
            ("rgb({}, {}, {})".format(*pick_colour(number)), _describe(region))
            for number, region in enumerate(regions)
        )
        return Card(task_id, score, _embed(picture), legend)


def _spread(task_ids: Sequence[int], limit: int) -> list[int]:
    if len(task_ids) <= limit:
        return list(task_ids)
    return [task_ids[i] for i in np.linspace(0, len(task_ids) - 1, limit).astype(int)]


def _by_score(card: Card) -> tuple[float, int]:
    """Problems first, then the lowest scores."""
    if card.picture is None:
        return -1.0, card.task
    return (1.0 if card.score is None else card.score), card.task


def _describe(region: DrawnRegion) -> str:
    name = ", ".join(region.labels) or "no label"
    return name if region.score is None else f"{name} {region.score:.2f}"


def _embed(picture: Image.Image) -> str:
    picture.thumbnail((_PICTURE_PX, _PICTURE_PX))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
