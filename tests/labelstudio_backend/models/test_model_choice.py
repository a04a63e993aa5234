"""Learned models over HTTP: listed, chosen, rolled back, and switched under clicks."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray
from pydantic import SecretStr
from redis import Redis

from core import ImageEmbedding, Predictor, Prompt, read_image
from labelstudio_backend import BackendSettings, ModelStore, ProjectModels, Projects, ProjectWork
from labelstudio_backend.answers import ModelsAnswer
from tests.label_studio_stand_in import LabelStudioStandIn

from ..answers import DOG, the_error, the_prediction
from ..conftest import Backend, InProcessEmbeddings, RunBackend
from ..image_host import Host
from ..label_studio_requests import LABEL_CONFIG, make_keypoint, make_predict
from ..learned_decoders import PROJECT, make_decoder_file

CLICK = make_keypoint(50, 50)


@pytest.fixture
def models(redis: Redis, lively: Predictor) -> ProjectModels:
    return ProjectModels(lively, ModelStore(redis))


@pytest.fixture
def version(models: ProjectModels, lively: Predictor) -> str:
    return models.store.add(make_decoder_file(lively)).version


@pytest.fixture
def studio() -> Iterator[LabelStudioStandIn]:
    with LabelStudioStandIn(id=2) as server:
        yield server


@pytest.fixture
def project(studio: LabelStudioStandIn) -> str:
    """The key of its project."""
    created_at = datetime.fromisoformat(studio.project.created_at.replace("Z", "+00:00"))
    return f"2.{int(created_at.timestamp())}"


@pytest.fixture
def backend(
    run_backend: RunBackend,
    redis: Redis,
    lively: Predictor,
    models: ProjectModels,
    studio: LabelStudioStandIn,
) -> Backend:
    settings: dict[str, Any] = {
        "label_studio_url": studio.url,
        "label_studio_api_key": SecretStr(studio.token or ""),
    }
    work = ProjectWork(redis, lively, BackendSettings(**settings), Projects(), models)
    return run_backend(lively, work=work, collaborators={"models": models}, **settings)


def set_up(backend: Backend, project: str) -> str:
    body = {"project": project, "schema": LABEL_CONFIG}
    answer: dict[str, str] = backend.client.post("/setup", json=body).json()
    return answer["model_version"]


def test_a_project_changes_its_version_and_goes_back_without_a_restart(
    backend: Backend, lively: Predictor, version: str, project: str
) -> None:
    assert set_up(backend, project) == lively.model_version
    order = {"project": 2, "model_version": version}
    answer = backend.client.post("/models/use", json=order)
    assert answer.json() == {**order, "before": lively.model_version}
    assert set_up(backend, project) == version
    assert set_up(backend, "3.1795393299") == lively.model_version
    assert backend.client.get("/versions").json() == {"versions": [lively.model_version, version]}
    answer = backend.client.post("/models/rollback", json={"project": 2})
    assert answer.json()["model_version"] == lively.model_version
    assert set_up(backend, project) == lively.model_version
    again = backend.client.post("/models/rollback", json={"project": 2})
    assert "no version is before" in the_error(again, 409, "model_conflict")


def test_the_list_says_what_each_was_worth_and_who_uses_it(
    backend: Backend, lively: Predictor, version: str, project: str
) -> None:
    backend.client.post("/models/use", json={"project": 2, "model_version": version})
    answer = ModelsAnswer.model_validate(backend.client.get("/models").json())
    assert answer.base == lively.model_version
    (model,) = answer.models
    assert (model.model_version, model.is_usable, model.masks) == (version, True, 200)
    assert model.figures[0].model_dump() == {"prompt": "1 click", "before": 0.25, "after": 0.75}
    (used,) = answer.projects
    assert (used.key, used.model_version, used.before) == (project, version, ())


def test_a_version_or_a_project_that_is_not_there_is_said(backend: Backend, version: str) -> None:
    order = {"project": 2, "model_version": "efficientsam-nano-0-1"}
    the_error(backend.client.post("/models/use", json=order), 404, "model_missing")
    order = {"project": 7, "model_version": version}
    the_error(backend.client.post("/models/use", json=order), 404, "project_missing")
    the_error(backend.client.post("/models/use", json={"project": 2}), 400, "bad_request")


def decode_answer(prediction: dict[str, Any]) -> NDArray[np.bool_]:
    (region,) = prediction["result"]
    rgba = decode_rle(region["value"]["rle"]).reshape(120, 160, 4)
    return np.asarray(rgba[..., 3] > 0)


def draw_expected(predictor: Predictor, png: bytes) -> NDArray[np.bool_]:
    return predictor.decode(predictor.encode(read_image(png)), Prompt(points=[[80, 60]])).mask


def test_under_clicks_each_answer_is_wholly_of_one_version(
    run_backend: RunBackend,
    host: Host,
    lively: Predictor,
    models: ProjectModels,
    version: str,
    png: bytes,
) -> None:
    backend = run_backend(
        lively, collaborators={"models": models}, label_studio_url=host.url, has_tiles=False
    )
    host.serve(DOG, png)
    expected = {
        predictor.model_version: draw_expected(predictor, png)
        for predictor in (lively, models.find_version(version))
    }
    masks = list(expected.values())
    assert (masks[0] != masks[1]).any(), "else this test could not tell them apart"
    is_over = threading.Event()

    def switch() -> int:
        count = 0
        while not is_over.is_set():
            models.use(PROJECT, version)
            models.roll_back(PROJECT)
            count += 1
        return count

    def click(number: int) -> str:
        # Each page of its own: of one page, only the latest click would be answered.
        body = make_predict(DOG, {**CLICK, "id": f"click {number}"}, project=PROJECT)
        body["tasks"][0]["id"] = number
        prediction = the_prediction(backend.predict(body))
        answered_by = str(prediction["model_version"])
        np.testing.assert_array_equal(decode_answer(prediction), expected[answered_by])
        return answered_by

    with ThreadPoolExecutor(5) as pool:
        switching = pool.submit(switch)
        try:
            seen = set(pool.map(click, range(60)))
        finally:
            is_over.set()
        assert switching.result() > 10
    assert seen == set(expected), "both versions answered"


def test_a_click_in_flight_finishes_with_the_version_that_it_began_with(
    run_backend: RunBackend,
    host: Host,
    lively: Predictor,
    models: ProjectModels,
    version: str,
    png: bytes,
) -> None:
    is_waiting, may_go_on = threading.Event(), threading.Event()

    class Slow(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            is_waiting.set()
            assert may_go_on.wait(60)
            return super().get_or_encode(image, **more)

    backend = run_backend(
        lively, embeddings=Slow(lively), collaborators={"models": models}, label_studio_url=host.url
    )
    host.serve(DOG, png)
    models.use(PROJECT, version)
    learned = models.find_version(version)
    body = make_predict(DOG, CLICK, project=PROJECT)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: the_prediction(backend.predict(body)))
        assert is_waiting.wait(60)
        models.roll_back(PROJECT)
        may_go_on.set()
        prediction = answer.result()
    assert prediction["model_version"] == version
    np.testing.assert_array_equal(decode_answer(prediction), draw_expected(learned, png))
    assert the_prediction(backend.predict(body))["model_version"] == lively.model_version
