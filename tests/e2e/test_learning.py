"""Learning from a project of the real Label Studio: annotate, train, click, go back."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle

from bench.looks import draw_cells

from ..integration.accepted_tasks import make_brush, make_click, make_png_file
from ..running_stack import RunningStack
from .label_studio import LabelStudio
from .test_projects import esam, wait_for_run

IMAGES = 14
UNSEEN = 10_000
STEPS = 50
_TIMEOUT_S = 240


@pytest.fixture(scope="module")
def stack(
    label_studio: LabelStudio, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStack]:
    """With a folder of its own for what is learned."""
    running = RunningStack(
        environment={
            "LABEL_STUDIO_URL": label_studio.url,
            "LABEL_STUDIO_API_KEY": label_studio.token,
            "ESAM_LEARNED_FOLDER": str(tmp_path_factory.mktemp("learned")),
        }
    )
    yield running
    assert running.stop() == 0


def upload(label_studio: LabelStudio, project: int, number: int) -> int:
    """Import a picture of cells; its task."""
    file = (f"{number}.png", make_png_file(draw_cells(number)[0]))
    label_studio.api.post(
        f"/api/projects/{project}/import", files={"file": file}
    ).raise_for_status()
    return max(label_studio.all_task_ids(project))


def annotate(label_studio: LabelStudio, task: int, number: int) -> None:
    """Submit the masks of all cells."""
    result = [make_brush(n, mask) for n, mask in enumerate(draw_cells(number)[1])]
    label_studio.api.post(
        f"/api/tasks/{task}/annotations/", json={"result": result}
    ).raise_for_status()


def click_all(label_studio: LabelStudio, project: int, task: int) -> tuple[str, list[float]]:
    """Click every cell of the unseen picture: model version, and the IoU of each answer."""
    versions, ious = set(), []
    for mask in draw_cells(UNSEEN)[1]:
        answer = label_studio.ask(project, task, make_click(mask))["data"]
        (region,) = answer["result"]
        found = np.reshape(decode_rle(region["value"]["rle"]), (256, 256, 4))[..., 3] > 0
        ious.append(float((found & mask).sum() / (found | mask).sum()))
        versions.add(answer["model_version"])
    (version,) = versions
    return version, ious


@pytest.mark.timeout(600)
def test_masks_are_accepted_learned_from_clicked_with_and_taken_back(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, tmp_path: Path
) -> None:
    project, _ = label_studio.create_project(stack.url, photo)
    for number in range(IMAGES):
        annotate(label_studio, upload(label_studio, project, number), number)
    unseen = upload(label_studio, project, UNSEEN)
    base, before = click_all(label_studio, project, unseen)

    connection = label_studio.api.get("/api/ml", params={"project": project}).json()[0]["id"]
    label_studio.api.post(f"/api/ml/{connection}/train", json={}).raise_for_status()
    started = wait_for_run(stack, project, lambda run: run["kind"] == "learning")
    httpx.post(f"{stack.url}/runs/{started['id']}/cancel").raise_for_status()

    pictures = tmp_path / "pictures"
    command = esam(
        stack, label_studio, "finetune", "--project", str(project), "--steps", str(STEPS),
        "--pictures", str(pictures), "--json",
    )  # fmt: skip
    output, _ = command.communicate(timeout=_TIMEOUT_S)
    assert command.returncode == 0, output
    (line,) = [line for line in output.splitlines() if line.startswith("{")]
    facts = json.loads(line)
    report = facts["report"]
    assert report["images"] == IMAGES
    assert any(pictures.iterdir())
    command = esam(stack, label_studio, "runs", "watch", facts["id"])
    words, _ = command.communicate(timeout=_TIMEOUT_S)
    print(words)
    assert command.returncode == 0, words
    assert f"uses {report['model_version']} from now on" in words

    learned, after = click_all(label_studio, project, unseen)
    assert learned == report["model_version"] != base
    assert np.mean(after) - np.mean(before) >= 0.10, (before, after)

    command = esam(stack, label_studio, "models", "rollback", "--project", str(project))
    output, _ = command.communicate(timeout=_TIMEOUT_S)
    assert command.returncode == 0, output
    assert click_all(label_studio, project, unseen) == (base, before)
