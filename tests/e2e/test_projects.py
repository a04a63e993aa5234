"""Whole projects through the real Label Studio: warm start, Retrieve predictions, prelabel."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page

from ..running_stack import RunningStack
from .label_studio import LabelStudio
from .pictures import OUTPUT
from .test_api import PROMPTS, mask_of, smart_region

_TIMEOUT_S = 100
DETECTED = {**smart_region(PROMPTS["box"]), "id": "d1", "score": 0.9}
"""A detector's box around the saucer."""


def image_url(label_studio: LabelStudio, task: int) -> str:
    url: str = label_studio.api.get(f"/api/tasks/{task}").json()["data"]["image"]
    return url


def import_detected(label_studio: LabelStudio, project: int, url: str, count: int) -> list[int]:
    """Tasks on one image, each with a detector's box."""
    detected = {"model_version": "detector", "result": [DETECTED]}
    tasks = [{"data": {"image": url, "number": n}, "predictions": [detected]} for n in range(count)]
    before = set(label_studio.all_task_ids(project))
    label_studio.api.post(f"/api/projects/{project}/import", json=tasks).raise_for_status()
    return sorted(set(label_studio.all_task_ids(project)) - before)


def retrieve_predictions(label_studio: LabelStudio, project: int, tasks: list[int]) -> None:
    """Press "Retrieve predictions" on these tasks."""
    label_studio.api.post(
        "/api/dm/actions",
        params={"id": "retrieve_tasks_predictions", "project": project},
        json={"selectedItems": {"all": False, "included": tasks}},
    ).raise_for_status()


def find_predictions(label_studio: LabelStudio, tasks: list[int]) -> dict[int, list[Any]]:
    """The predictions that are not the detector's, by task."""
    found = {}
    for task in tasks:
        stored = label_studio.api.get("/api/predictions", params={"task": task}).json()
        found[task] = [one for one in stored if one["model_version"] != "detector"]
    return found


def wait_for_run(
    stack: RunningStack, project: int, is_reached: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        runs = httpx.get(f"{stack.url}/runs").json()["runs"]
        mine: list[dict[str, Any]] = [run for run in runs if run["project"] == project]
        if mine and is_reached(mine[0]):
            return mine[0]
        assert time.monotonic() < deadline, mine
        time.sleep(0.05)


def esam(
    stack: RunningStack, label_studio: LabelStudio, *arguments: str, token: str | None = None
) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "ESAM_BACKEND_URL": stack.url,
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": token or label_studio.token,
    }
    command = [sys.executable, "-m", "esam", *arguments]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def count_whole_encodes(stack: RunningStack) -> int:
    """How often whole images were encoded, and not tiles of them."""
    return sum("encoded image=" in line and "tile=whole" in line for line in stack.lines)


def test_after_an_import_the_first_click_finds_its_embedding(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, tmp_path: Path
) -> None:
    project, _ = label_studio.create_project(stack.url, photo)
    encoded_before = count_whole_encodes(stack)
    other = tmp_path / "other.jpg"
    other.write_bytes(photo.read_bytes() + b"\0another file")
    with other.open("rb") as file:
        label_studio.api.post(
            f"/api/projects/{project}/import", files={"file": (other.name, file)}
        ).raise_for_status()
    deadline = time.monotonic() + _TIMEOUT_S
    while count_whole_encodes(stack) == encoded_before:
        assert time.monotonic() < deadline, "".join(stack.lines[-20:])
        time.sleep(0.1)
    task = max(label_studio.task_ids(project))
    answer = label_studio.ask(project, task, smart_region(PROMPTS["click"]))
    assert mask_of(answer["data"]["result"][0]).any()
    assert any(f"prediction task={task} " in line for line in stack.lines)
    assert count_whole_encodes(stack) == encoded_before + 1, "nobody had to encode it once more"


def test_three_selected_tasks_are_answered_inline(
    label_studio: LabelStudio, stack: RunningStack, photo: Path
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    tasks = import_detected(label_studio, project, image_url(label_studio, task), 3)
    retrieve_predictions(label_studio, project, tasks)
    for stored in find_predictions(label_studio, tasks).values():
        (prediction,) = stored
        (region,) = prediction["result"]
        assert (region["from_name"], region["value"]["brushlabels"]) == ("tag", ["Dog"])
        assert mask_of(region).any()
    assert not [r for r in httpx.get(f"{stack.url}/runs").json()["runs"] if r["project"] == project]


def test_three_hundred_selected_tasks_are_labelled_in_the_background_once(
    label_studio: LabelStudio, stack: RunningStack, photo: Path
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    tasks = import_detected(label_studio, project, image_url(label_studio, task), 300)
    retrieve_predictions(label_studio, project, tasks)
    retrieve_predictions(label_studio, project, tasks)
    run = wait_for_run(stack, project, lambda run: run["state"] == "finished")
    assert (run["total"], run["done"], run["failed"]) == (300, 300, 0)
    counts = {t: len(stored) for t, stored in find_predictions(label_studio, tasks).items()}
    assert counts == dict.fromkeys(tasks, 1)


def test_prelabel_ends_complete_with_a_worker_killed_in_the_middle(
    label_studio: LabelStudio, stack: RunningStack, photo: Path
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    tasks = import_detected(label_studio, project, image_url(label_studio, task), 100)
    command = esam(stack, label_studio, "prelabel", "--project", str(project))
    assert wait_for_run(stack, project, lambda run: run["done"] >= 5)["done"] < 100
    for pid in stack.descendants():
        if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            os.kill(pid, signal.SIGKILL)
    output, _ = command.communicate(timeout=_TIMEOUT_S)
    assert command.returncode == 0, output
    assert "100" in output
    counts = {t: len(stored) for t, stored in find_predictions(label_studio, tasks).items()}
    assert counts == dict.fromkeys(tasks, 1)
    bare = find_predictions(label_studio, [task])
    assert bare == {task: []}, "a task without prompts gets no empty prediction"


def test_the_gallery_of_a_run_shows_its_pictures_in_a_browser(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, page: Page, tmp_path: Path
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    tasks = import_detected(label_studio, project, image_url(label_studio, task), 3)
    command = esam(stack, label_studio, "prelabel", "--project", str(project))
    output, _ = command.communicate(timeout=_TIMEOUT_S)
    assert command.returncode == 0, output
    run = wait_for_run(stack, project, lambda run: run["state"] == "finished")
    file = tmp_path / "run.html"
    command = esam(stack, label_studio, "runs", "gallery", run["id"], "--out", str(file))
    output, _ = command.communicate(timeout=_TIMEOUT_S)
    assert command.returncode == 0, output
    page.goto(file.as_uri())
    widths = page.eval_on_selector_all("img", "found => found.map(image => image.naturalWidth)")
    assert widths == [600] * 3
    words = page.inner_text("body")
    for task in tasks:
        assert f"Task {task}, score 0." in words
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / "gallery.png", full_page=True)
    page.click("img >> nth=0")
    page.wait_for_url(f"{label_studio.url}/**")


def test_doctor_finds_a_good_setup_good_and_names_a_wrong_token(
    label_studio: LabelStudio, stack: RunningStack, photo: Path
) -> None:
    project, _ = label_studio.create_project(stack.url, photo)
    good = esam(stack, label_studio, "doctor", "--project", str(project))
    output, _ = good.communicate(timeout=_TIMEOUT_S)
    print(output)
    assert good.returncode == 0, output
    bad = esam(stack, label_studio, "doctor", "--project", str(project), token="0" * 40)
    output, _ = bad.communicate(timeout=_TIMEOUT_S)
    print(output)
    assert bad.returncode == 1
    assert "LABEL_STUDIO_API_KEY" in output
