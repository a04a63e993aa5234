"""The real Label Studio, the whole product with the model that ships, and a real browser."""

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core import load_predictor, read_image
from esam.demo_photos import photo_path

from ..closer_look import predict_closely
from ..running_stack import RunningStack
from .label_studio import EXECUTABLE, LabelStudio
from .play_page import PredictCup

# An encode on a busy machine takes longer than the five seconds that Playwright waits by itself.
expect.set_options(timeout=30_000)


def need(what: str, is_there: bool) -> None:
    """Fail in CI, skip on a laptop, where a part of the real world is missing."""
    if not is_there:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is missing")


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    need("Label Studio (`make e2e` installs it)", EXECUTABLE.exists())
    server = LabelStudio(tmp_path_factory.mktemp("label-studio"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def stack(label_studio: LabelStudio) -> Iterator[RunningStack]:
    environment = {
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": label_studio.token,
    }
    running = RunningStack(environment=environment)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def play_stack() -> Iterator[RunningStack]:
    """The product without Label Studio."""
    running = RunningStack()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def predict_cup() -> PredictCup:
    """What core says of the page's photo."""
    predictor = load_predictor("nano", dtype="auto")
    return partial(predict_closely, predictor, read_image(photo_path("coffee.png")))


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cup on a saucer, 600×400, as a JPEG."""
    path = tmp_path_factory.mktemp("photo") / "coffee.jpg"
    with Image.open(photo_path("coffee.png")) as image:
        image.convert("RGB").save(path, quality=95)
    return path


@pytest.fixture
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    need("Chromium (Debian: apt-get install chromium)", executable is not None)
    # The sandbox needs privileges that containers and CI lack; only our own pages are opened.
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
    arguments += ["--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(30_000)
    return page
