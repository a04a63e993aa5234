"""The stand-in for Label Studio in a process of its own."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

import httpx
import numpy as np
from PIL import Image
from pydantic import SecretStr

from labelstudio_backend import LabelStudioAccount
from tests.label_studio_stand_in import Distance, LabelStudioStandIn

from .piped_process import piped_process

HERE = Distance()

_DETECTOR = "detector"


class LabelStudioProcess:
    """A Label Studio with one project, at the other end of a pipe.

    Attributes:
        account: where it is.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        url, token = pipe.recv()
        self.account = LabelStudioAccount(httpx.URL(url), SecretStr(token))

    def find_tasks(self) -> list[dict[str, Any]]:
        """The project's tasks as Label Studio sends them to a model."""
        self._pipe.send("tasks")
        tasks: list[dict[str, Any]] = self._pipe.recv()
        return tasks

    def find_times(self) -> list[float]:
        """When predictions were stored, all but the detector's: unix time, ascending."""
        self._pipe.send("times")
        times: list[float] = self._pipe.recv()
        return times


@contextmanager
def serve_label_studio(
    photos: Sequence[bytes], task_count: int, distance: Distance = HERE, *, unlike: int = 0
) -> Iterator[LabelStudioProcess]:
    """A project of so many tasks, each with a URL of its own and the box of a detector.

    Args:
        photos: JPEGs, which the tasks take turns with.
        task_count: tasks.
        distance: how far away it is.
        unlike: of the first tasks, how many have a file like no other, with the same pixels.
    """
    with piped_process(_serve, list(photos), task_count, distance, unlike) as pipe:
        yield LabelStudioProcess(pipe)


def _serve(
    pipe: Connection, photos: Sequence[bytes], task_count: int, distance: Distance, unlike: int
) -> None:
    with LabelStudioStandIn(keeps_results=False) as server:
        server.distance = distance
        tasks = _add_tasks(server, photos, task_count, unlike)
        pipe.send((server.url, server.token))
        while True:
            try:
                asked = pipe.recv()
            except EOFError:
                return
            pipe.send(tasks if asked == "tasks" else _find_times(server))


def _add_tasks(
    server: LabelStudioStandIn, photos: Sequence[bytes], task_count: int, unlike: int
) -> list[dict[str, Any]]:
    """Tasks that take turns with the photos, as Label Studio sends them to a model."""
    rng = np.random.default_rng(1)
    sizes_px = [Image.open(io.BytesIO(photo)).size for photo in photos]
    turns = [n % len(photos) for n in range(task_count)]
    # What follows the end of a JPEG is not read.
    tails = [n.to_bytes(4, "big") if n < unlike else b"" for n in range(task_count)]
    files = [photos[turn] + tail for turn, tail in zip(turns, tails, strict=True)]
    images = [server.add_image(f"{n}.jpg", file) for n, file in enumerate(files)]
    ids = server.add_tasks([{"image": image} for image in images])
    tasks = []
    for task_id, turn, image in zip(ids, turns, images, strict=True):
        result = [_detect(sizes_px[turn], rng)]
        found = {"id": -task_id, "model_version": _DETECTOR, "score": 0.9, "result": result}
        server.predictions[task_id] = [found]
        tasks.append({"id": task_id, "data": {"image": image}, "predictions": [found]})
    return tasks


def _detect(size_px: tuple[int, int], rng: np.random.Generator) -> dict[str, Any]:
    """A box over a tenth to a third of the image."""
    width, height = rng.uniform(32, 58, 2)
    return {
        "id": "box",
        "type": "rectanglelabels",
        "from_name": "tag3",
        "to_name": "image",
        "original_width": size_px[0],
        "original_height": size_px[1],
        "image_rotation": 0,
        "value": {
            "x": rng.uniform(0, 100 - width), "y": rng.uniform(0, 100 - height),
            "width": width, "height": height, "rotation": 0, "rectanglelabels": ["Dog"],
        },
    }  # fmt: skip


def _find_times(server: LabelStudioStandIn) -> list[float]:
    stored = [one for found in list(server.predictions.values()) for one in found]
    ours = [one["created_at"] for one in stored if one["model_version"] != _DETECTOR]
    return sorted(datetime.fromisoformat(time).timestamp() for time in ours)
