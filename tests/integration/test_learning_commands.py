"""Accept masks, learn from them, click, go back: the whole product, Label Studio stood in for."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray

from bench.looks import draw_cells
from labelstudio_backend import LabelStudioClient

from ..esam.command_line import esam
from ..label_studio_project import LABEL_CONFIG
from ..label_studio_stand_in import LabelStudioStandIn
from ..labelstudio_backend.label_studio_requests import make_predict
from ..running_stack import RunningStack
from .accepted_tasks import add_accepted, make_click, make_png_file
from .detected_tasks import make_account

UNSEEN = 10_000
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def label_studio() -> Iterator[LabelStudioStandIn]:
    """A project of cells, which ``nano`` misreads."""
    with LabelStudioStandIn() as server:
        add_accepted(server, range(20), draw_cells)
        yield server


@pytest.fixture(scope="module")
def stack(
    label_studio: LabelStudioStandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStack]:
    environment = {
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": label_studio.token or "",
        "ESAM_LEARNED_FOLDER": str(tmp_path_factory.mktemp("learned")),
    }
    running = RunningStack(environment=environment)
    yield running
    assert running.stop() == 0


@pytest.fixture(autouse=True)
def environment(stack: RunningStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "BASIC_AUTH_USER", "BASIC_AUTH_PASS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ESAM_BACKEND_URL", stack.url)
    monkeypatch.chdir(tmp_path)


def find_key(label_studio: LabelStudioStandIn) -> str:
    """The project's, as Label Studio sends it."""
    client = LabelStudioClient(make_account(label_studio))
    try:
        return client.find_project(1).key
    finally:
        client.close()


def click(
    stack: RunningStack, project: str, source: str, mask: NDArray[np.bool_]
) -> tuple[str, float]:
    """Click the middle of an object: model version of the answer, and its IoU."""
    body = make_predict(source, make_click(mask), label_config=LABEL_CONFIG, project=project)
    reply = httpx.post(f"{stack.url}/predict", json=body, timeout=60)
    assert reply.is_success, reply.text
    (answer,) = reply.json()["results"]
    (region,) = answer["result"]
    found = np.reshape(decode_rle(region["value"]["rle"]), (256, 256, 4))[..., 3] > 0
    return answer["model_version"], float((found & mask).sum() / (found | mask).sum())


def say(stack: RunningStack, project: str) -> str:
    """The version that Label Studio is told."""
    body = {"project": project, "schema": LABEL_CONFIG}
    version: str = httpx.post(f"{stack.url}/setup", json=body, timeout=30).json()["model_version"]
    return version


@pytest.mark.timeout(300)
def test_a_project_learns_clicks_get_better_and_it_goes_back(
    label_studio: LabelStudioStandIn, stack: RunningStack, capsys: Capture, tmp_path: Path
) -> None:
    project = find_key(label_studio)
    rgb, masks = draw_cells(UNSEEN)
    source = label_studio.add_image("unseen.png", make_png_file(rgb))
    before = [click(stack, project, source, mask) for mask in masks]
    base = say(stack, project)
    assert {version for version, _ in before} == {base}

    assert esam("finetune", "--project", 1, "--steps", 50, "--pictures", "changes") == 0
    out = capsys.readouterr().out
    assert "20 of 20 tasks have masks to learn from" in out
    learned = say(stack, project)
    assert f"Project 1 uses {learned} from now on" in out
    assert learned.startswith(f"{base}-")
    pictures = sorted(path.name for path in (tmp_path / "changes").iterdir())
    assert pictures[0].startswith("gain-1-task-")

    after = [click(stack, project, source, mask) for mask in masks]
    assert {version for version, _ in after} == {learned}
    gain = np.mean([iou for _, iou in after]) - np.mean([iou for _, iou in before])
    assert gain >= 0.10, (before, after)
    assert say(stack, "1.1") == base, "another project of the same id"
    versions = httpx.get(f"{stack.url}/versions", timeout=30).json()["versions"]
    assert versions == [base, learned]

    assert esam("models", "list", "--json") == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [model["model_version"] for model in facts["models"]] == [learned]

    assert esam("models", "rollback", "--project", 1) == 0
    assert [click(stack, project, source, mask) for mask in masks] == before


def test_clicks_during_a_switch_never_fail_and_are_of_one_version(
    label_studio: LabelStudioStandIn, stack: RunningStack, capsys: Capture
) -> None:
    project = find_key(label_studio)
    rgb, masks = draw_cells(UNSEEN + 1)
    source = label_studio.add_image("switched.png", make_png_file(rgb))
    assert esam("models", "list", "--json") == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    base, learned = facts["base"], facts["models"][0]["model_version"]
    expected = {}
    for version in (base, learned):
        assert esam("models", "use", version, "--project", 1) == 0
        expected[version] = click(stack, project, source, masks[0])[1]
    assert expected[base] != expected[learned], "else this test could not tell them apart"
    is_over, answers = threading.Event(), []

    def click_on() -> None:
        while not is_over.is_set():
            answers.append(click(stack, project, source, masks[0]))

    clicker = threading.Thread(target=click_on)
    clicker.start()
    try:
        for _ in range(5):
            assert esam("models", "use", base, "--project", 1) == 0
            assert esam("models", "use", learned, "--project", 1) == 0
    finally:
        is_over.set()
        clicker.join()
    assert answers
    assert all(iou == expected[version] for version, iou in answers)
    assert esam("models", "use", base, "--project", 1) == 0
