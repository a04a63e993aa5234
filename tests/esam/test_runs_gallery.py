"""``esam runs gallery``: which tasks it shows, in which order, and why one has no picture."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from labelstudio_backend import encode_brush_rle

from ..label_studio_project import Json
from .backend_stand_in import FINISHED, MODEL_VERSION, BackendStandIn
from .command_line import esam
from .examined import PNG, ConnectedLabelStudio

Capture = pytest.CaptureFixture[str]
WHOLE = np.ones((40, 60), bool)  # of the image that is PNG


@pytest.fixture(autouse=True)
def token(label_studio: ConnectedLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.token or "")


def make_prediction(mask: NDArray[np.bool_], score: float, version: str = MODEL_VERSION) -> Json:
    region = {
        "id": "a", "type": "brushlabels", "from_name": "tag", "to_name": "image",
        "original_width": mask.shape[1], "original_height": mask.shape[0], "score": score,
        "value": {"format": "rle", "rle": encode_brush_rle(mask), "brushlabels": ["Dog"]},
    }  # fmt: skip
    return {"id": 1, "model_version": version, "score": score, "result": [region]}


def predict(studio: ConnectedLabelStudio, *predictions: Json, image: str | None = None) -> int:
    """A new task with these predictions."""
    (task,) = studio.add_tasks([{"image": image or studio.add_image("dog.png", PNG)}])
    studio.predictions[task] = list(predictions)
    return task


def draw(backend: BackendStandIn, predicted: list[int], page: Path, *options: str | int) -> int:
    backend.say("GET /runs/3f2a", {**FINISHED, "project": 1})
    backend.say("GET /runs/3f2a/predicted", {"tasks": predicted})
    backend.say("GET /runs/3f2a/failures", {"failures": []})
    return esam("runs", "gallery", "3f2a", "--out", page, *options)


def read_cards(page: Path) -> list[tuple[int, bool, str]]:
    """Of each card its task, whether it has a picture, and its problem."""
    cards = page.read_text().split('<div class="card">')[1:]
    return [
        (
            int(re.findall(r">Task (\d+)<", card)[0]),
            "data:image/jpeg;base64," in card,
            "".join(re.findall(r'<p class="bad">(.*?)</p>', card)),
        )
        for card in cards
    ]


def test_what_cannot_be_drawn_comes_first_with_its_reason_and_then_the_lowest_scores(
    backend: BackendStandIn, label_studio: ConnectedLabelStudio, tmp_path: Path
) -> None:
    good = predict(label_studio, make_prediction(WHOLE, 0.9))
    bad = predict(label_studio, make_prediction(WHOLE, 0.2))
    other_size = predict(label_studio, make_prediction(np.ones((20, 30), bool), 0.5))
    deleted = predict(label_studio, make_prediction(WHOLE, 0.5, "another-model"))
    gone = predict(label_studio, make_prediction(WHOLE, 0.5), image="/data/upload/1/0-gone.png")
    empty = predict(label_studio, {**make_prediction(WHOLE, 0.5), "result": []})
    page = tmp_path / "run.html"
    assert draw(backend, [good, bad, other_size, deleted, gone, empty], page) == 0
    problems, drawn = read_cards(page)[:4], read_cards(page)[4:]
    assert drawn == [(bad, True, ""), (good, True, "")]
    assert [(task, has_picture) for task, has_picture, _ in problems] == [
        (task, False) for task in (other_size, deleted, gone, empty)
    ]
    for (*_, reason), expected in zip(
        problems,
        (
            "its prediction is of an image of 30×20 pixels, the image now has 60×40",
            "its prediction was deleted since",
            "gone (404)",
            "its prediction holds no region",
        ),
        strict=True,
    ):
        assert expected in reason


def test_of_many_tasks_some_are_drawn_evenly_spread(
    backend: BackendStandIn, label_studio: ConnectedLabelStudio, tmp_path: Path, capsys: Capture
) -> None:
    tasks = [predict(label_studio, make_prediction(WHOLE, 0.5)) for _ in range(5)]
    page = tmp_path / "run.html"
    assert draw(backend, tasks, page, "--limit", 3) == 0
    assert capsys.readouterr().out == f"3 of 5 tasks\nwrote {page}\n"
    assert [task for task, *_ in read_cards(page)] == [tasks[0], tasks[2], tasks[4]]
    assert "Here are 3 of them, evenly spread." in page.read_text()


def test_a_run_that_predicted_nothing_has_no_page(
    backend: BackendStandIn, tmp_path: Path, capsys: Capture
) -> None:
    page = tmp_path / "run.html"
    assert draw(backend, [], page) == 1
    assert capsys.readouterr().err == (
        "esam: the run 3f2a has predicted no task so far; see `esam runs show 3f2a`\n"
    )
    assert not page.exists()
