"""Predictions into a real Label Studio: one by one, and several in one call of its import.

``python -m bench.storing`` starts the Label Studio that ``make e2e`` installs, fills a project of
each size, whose tasks have the box of a detector, and prints a Markdown table of milliseconds a
prediction: medians of ways that take turns. Each prediction is a mask of ``nano`` on a photo.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

import httpx
from pydantic import SecretStr

from core import load_predictor, read_image
from labelstudio_backend import (
    LabelStudioAccount,
    LabelStudioClient,
    LabelStudioSession,
    encode_brush_rle,
)
from tests.e2e.label_studio import EXECUTABLE, LABEL_CONFIG, LabelStudio

from .measuring import take_turns
from .model_rows import make_prompt
from .photos import make_photos

_SIZES = (100, 300, 1000, 5000)
_TURNS = 3
_ALONE = 4
_TOGETHER = (4, 10, 40)
_ADDED_AT_ONCE = 2000
_DETECTED = {
    "model_version": "detector",
    "result": [
        {
            "id": "d", "from_name": "tag3", "to_name": "image", "type": "rectanglelabels",
            "value": {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["Dog"]},
        }
    ],
}  # fmt: skip


def make_prediction() -> dict[str, object]:
    """A mask on a photo, as runs store them."""
    predictor = load_predictor("nano")
    rgb = read_image(make_photos()[0])
    size_hw = (rgb.shape[0], rgb.shape[1])
    mask = predictor.decode(predictor.encode(rgb), make_prompt(size_hw)).mask
    region = {
        "id": "a", "from_name": "tag", "to_name": "image", "type": "brushlabels",
        "original_height": size_hw[0], "original_width": size_hw[1], "image_rotation": 0,
        "value": {"format": "rle", "rle": encode_brush_rle(mask), "brushlabels": ["Dog"]},
    }  # fmt: skip
    return {"result": [region], "score": 0.9, "model_version": "bench"}


def make_project(api: httpx.Client, tasks: int) -> int:
    """A project of so many tasks; its id."""
    body = {"title": f"{tasks} tasks", "label_config": LABEL_CONFIG}
    project: int = api.post("/api/projects", json=body).raise_for_status().json()["id"]
    for start in range(0, tasks, _ADDED_AT_ONCE):
        numbers = range(start, min(start + _ADDED_AT_ONCE, tasks))
        added = [
            {"data": {"image": f"http://localhost/{n}.jpg"}, "predictions": [_DETECTED]}
            for n in numbers
        ]
        api.post(f"/api/projects/{project}/import", json=added).raise_for_status()
    return project


def list_task_ids(client: LabelStudioClient, project: int) -> Iterator[int]:
    """All tasks of a project."""
    page_number = 1
    while tasks := client.list_tasks(project, page=page_number).tasks:
        yield from (task.id for task in tasks)
        page_number += 1


def measure(account: LabelStudioAccount, project: int) -> Mapping[str, float]:
    """Milliseconds a prediction by way."""
    client = LabelStudioClient(account)
    session = LabelStudioSession(account, patience_s=0)
    prediction = make_prediction()
    needed = (_TURNS + 1) * (_ALONE + sum(_TOGETHER))
    ids = iter(list(islice(list_task_ids(client, project), needed)))

    def store_alone() -> None:
        for task_id in islice(ids, _ALONE):
            client.post_prediction(task_id, project, prediction)

    def store_together(count: int) -> None:
        body = [{**prediction, "task": task_id} for task_id in islice(ids, count)]
        path = f"/api/projects/{project}/import/predictions"
        answer = session.send("POST", path, content=json.dumps(body).encode()).json()
        if answer != {"created": count}:
            raise SystemExit(f"not all were stored: {answer}")

    ways = {"alone": store_alone}
    task_count = client.find_project(project).task_count
    # Each way is warmed up once.
    left = task_count // (_TURNS + 1) - _ALONE
    for count in _TOGETHER:
        if (left := left - count) >= 0:
            ways[str(count)] = partial(store_together, count)
    times = take_turns(ways, turns=_TURNS)
    client.close()
    session.close()
    counts = {name: _ALONE if name == "alone" else int(name) for name in ways}
    return {name: times[name].median_ms / counts[name] for name in ways}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Storing predictions in a real Label Studio.")
    parser.add_argument("--tasks", help="sizes of projects, such as 100,1000")
    options = parser.parse_args()
    sizes = [int(x) for x in options.tasks.split(",")] if options.tasks else _SIZES
    if not EXECUTABLE.exists():
        parser.error("Label Studio is not installed here; `make e2e` does that")
    if min(sizes) < (least := (_TURNS + 1) * _ALONE):
        parser.error(f"a project needs {least} tasks: each is given one prediction")
    heads = ["tasks", "one by one", *(f"{count} in a call" for count in _TOGETHER)]
    print(f"| {' | '.join(heads)} |\n{len(heads) * '|---'}|")
    with tempfile.TemporaryDirectory() as folder:
        label_studio = LabelStudio(Path(folder))
        label_studio.start()
        account = LabelStudioAccount(httpx.URL(label_studio.url), SecretStr(label_studio.token))
        try:
            for size in sizes:
                found = measure(account, make_project(label_studio.api, size))
                cells = [found.get(name) for name in ("alone", *map(str, _TOGETHER))]
                shown = ["" if ms is None else f"{ms:.1f}" for ms in cells]
                print(f"| {size:,} | {' | '.join(shown)} |", flush=True)
        finally:
            label_studio.stop()


if __name__ == "__main__":
    main()
