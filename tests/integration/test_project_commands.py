"""The commands for whole projects against the real service, and a stand-in for Label Studio."""

import base64
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray
from PIL import Image

from ..esam.backend_stand_in import make_run, make_status
from ..esam.command_line import esam
from ..esam.examined import ConnectedLabelStudio, make_model
from ..labelstudio_backend.image_host import make_png
from ..labelstudio_backend.label_studio_requests import make_rectangle
from ..running_stack import RunningStack

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def label_studio(photo_like: NDArray[np.uint8]) -> Iterator[ConnectedLabelStudio]:
    """Tasks 1 to 5; boxes on the disc of 2, 3 and 4, of which the last has lost its image."""
    server = ConnectedLabelStudio("http://127.0.0.1:9")
    with server:
        photo = make_png(photo_like)
        sources = [server.add_image(f"disc{number}.png", photo) for number in range(4)]
        sources[2] = "/data/upload/1/0badcafe-gone.png"
        server.add_tasks([{"image": source} for source in sources])
        for task_id in (2, 3, 4):
            box = make_rectangle(31.25, 25, 37.5, 50)
            server.project.annotations[task_id] = [{"id": task_id, "result": [box]}]
        yield server


@pytest.fixture(scope="module")
def stack(label_studio: ConnectedLabelStudio) -> Iterator[RunningStack]:
    token = label_studio.token or ""
    running = RunningStack(
        environment={"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_KEY": token}
    )
    label_studio.backend_url = running.url
    label_studio.models = [make_model(running.url)]
    yield running
    assert running.stop() == 0


@pytest.fixture(autouse=True)
def environment(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person has in the terminal who started the service elsewhere."""
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "BASIC_AUTH_USER", "BASIC_AUTH_PASS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ESAM_BACKEND_URL", stack.url)


def ask_json(capsys: Capture, *arguments: str) -> Any:
    capsys.readouterr()
    assert esam(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_a_project_is_labelled_from_the_command_line(
    label_studio: ConnectedLabelStudio, capsys: Capture
) -> None:
    assert esam("prelabel", "--project", 1, "--dry-run") == 0
    assert "has 5 tasks: 5 would be predicted" in capsys.readouterr().out
    assert label_studio.predictions == {}

    assert esam("prelabel", "--project", 1) == 1
    out = capsys.readouterr().out
    assert "2 of 5 tasks predicted by" in out
    assert "1 failed; 2 had nothing to predict from" in out
    assert "gone (404)" in out
    assert sorted(label_studio.predictions) == [2, 3]

    (run,) = ask_json(capsys, "runs", "list")["runs"]
    assert set(run) == set(make_run()), "the stand-in of the other tests says what the service says"
    shown = ask_json(capsys, "runs", "show", run["id"])
    assert [failure["task"] for failure in shown["failures"]] == [4]

    assert esam("runs", "retry-failed", run["id"]) == 1
    assert esam("runs", "resume", run["id"]) == 1
    assert esam("runs", "cancel", run["id"]) == 1
    assert "is finished already" in capsys.readouterr().err
    assert {task: len(found) for task, found in label_studio.predictions.items()} == {2: 1, 3: 1}


def test_a_gallery_shows_what_a_run_predicted_and_what_failed(
    label_studio: ConnectedLabelStudio,
    photo_like: NDArray[np.uint8],
    capsys: Capture,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page, token = tmp_path_factory.mktemp("gallery") / "run.html", label_studio.token or ""
    (run,) = ask_json(capsys, "runs", "list")["runs"]
    assert esam("runs", "gallery", run["id"], "--out", page) == 2
    assert "set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY" in capsys.readouterr().err

    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", token)
    assert esam("runs", "gallery", run["id"], "--out", page) == 0
    assert capsys.readouterr().out == f"2 of 2 tasks\nwrote {page}\n"
    html = page.read_text()
    assert token not in html
    for task in (2, 3):
        assert f'href="{label_studio.url}/projects/1/data?task={task}"' in html
        (prediction,) = label_studio.predictions[task]
        (region,) = prediction["result"]
        assert f"{region['value']['brushlabels'][0]} {region['score']:.2f}" in html
    assert "gone (404)" in html, "task 4 is listed with its reason"

    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)', html)
    assert len(pictures) == 2
    with Image.open(io.BytesIO(base64.b64decode(pictures[0]))) as picture:
        changed = np.abs(np.asarray(picture).astype(int) - photo_like).mean(axis=2)
    mask = np.reshape(decode_rle(region["value"]["rle"]), (120, 160, 4))[..., 3] > 0
    assert changed[mask].mean() > 2 * changed[~mask].mean(), "the mask is drawn where it lies"


def test_boxes_of_a_file_find_their_tasks(
    label_studio: ConnectedLabelStudio, capsys: Capture, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("boxes") / "boxes.csv"
    path.write_text("image,label,x0,y0,x1,y1\ndisc3.png,Cat,50,30,110,90\n")
    assert esam("prelabel", "--project", 1, "--boxes", path) == 0
    (prediction,) = label_studio.predictions[5]
    assert [region["value"]["brushlabels"] for region in prediction["result"]] == [["Cat"]]


def test_a_project_that_is_not_there_is_told(capsys: Capture) -> None:
    assert esam("prelabel", "--project", 99) == 1
    assert "esam: Label Studio has no project 99" in capsys.readouterr().err


def test_images_are_warmed_up(capsys: Capture) -> None:
    assert esam("warm", "--project", 1) == 0
    assert "the prefetch queue is empty" in capsys.readouterr().out


def test_the_status_has_what_the_stand_in_of_the_other_tests_says(capsys: Capture) -> None:
    status = ask_json(capsys, "status")
    assert set(status) == set(make_status())
    assert set(status["redis"]) == set(make_status()["redis"])
    assert set(status["cache"]) == set(make_status()["cache"])
    assert set(status["workers"][0]) == set(make_status()["workers"][0])
    assert set(status["queues"]) == set(make_status()["queues"])
    assert esam("status") == 0


def test_the_doctor_finds_what_there_is(
    label_studio: ConnectedLabelStudio, capsys: Capture
) -> None:
    code = esam(
        "doctor", "--model", "nano", "--project", 1, "--url", label_studio.url,
        "--token", label_studio.token or "",
    )  # fmt: skip
    out = capsys.readouterr().out
    assert code == 0, out
    assert "✓ workers: 1 alive: " in out
    assert f"✓ connection: connected and interactive: {label_studio.backend_url}" in out
