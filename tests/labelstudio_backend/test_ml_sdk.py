"""The model class under both lines of label-studio-ml; 1.0.9 itself is in ``tests/e2e``."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from core import Predictor
from esam.redis_server import PrivateRedis
from labelstudio_backend import BackendSettings, ImageFetcher, PredictionService
from labelstudio_backend.protocol import PredictRequest
from worker import WorkerSettings

from . import label_studio_ml_two as two
from .answers import DOG
from .conftest import TOKEN, InProcessEmbeddings
from .image_host import Host
from .label_studio_requests import LABEL_CONFIG, Json, make_keypoint, make_predict


@pytest.fixture
def service(lively: Predictor, host: Host, png: bytes) -> PredictionService:
    """The service with an encoder in this process, and a Label Studio that has the image."""
    host.serve(DOG, png)
    settings = BackendSettings(label_studio_url=host.url, label_studio_api_key=SecretStr(TOKEN))
    images = ImageFetcher.from_settings(settings)
    return PredictionService(lively, InProcessEmbeddings(lively), images, settings)


@pytest.fixture
def model_class(service: PredictionService, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Any]]:
    """Our class on the base of 2.x. The service is given to it, since its own needs a worker."""
    two.CACHE.clear()
    package = ModuleType("label_studio_ml")
    for name in ("model", "response"):
        monkeypatch.setitem(sys.modules, f"label_studio_ml.{name}", two)
    monkeypatch.setitem(sys.modules, "label_studio_ml", package)
    monkeypatch.delitem(sys.modules, "labelstudio_backend.ml_sdk", raising=False)
    module = import_module("labelstudio_backend.ml_sdk")
    monkeypatch.setattr(module, "load_service", lambda: service)
    found: type[Any] = module.EfficientSAM
    yield found
    sys.modules.pop("labelstudio_backend.ml_sdk", None)


def without_ids(prediction: Json) -> Json:
    """A prediction without what is made anew each time."""
    regions = [{k: v for k, v in r.items() if k != "id"} for r in prediction["result"]]
    return {**prediction, "result": regions}


def test_setup_says_the_version_of_the_predictions(
    model_class: type[Any], service: PredictionService
) -> None:
    setup = {"project": "2.1", "schema": LABEL_CONFIG, "extra_params": None}
    assert two.answer_setup(model_class, setup) == {"model_version": service.model_version}


def test_a_click_gives_the_mask_that_the_service_gives(
    model_class: type[Any], service: PredictionService
) -> None:
    body = make_predict(DOG, make_keypoint(50, 50), project="2.1")
    (theirs,) = two.answer_predict(model_class, body)["results"]
    (ours,) = service.predict(PredictRequest.model_validate(body))
    assert isinstance(ours, dict)
    assert theirs["result"][0]["value"]["rle"]
    sent = {k: theirs[k] for k in ("result", "score", "model_version")}
    assert without_ids(sent) == without_ids(dict(ours))


def test_a_task_with_nothing_to_predict_from_keeps_its_place(
    model_class: type[Any], host: Host
) -> None:
    body = make_predict(DOG, project="2.1")
    body["params"] = {"context": None}
    drawn = {"id": 1, "result": [make_keypoint(50, 50)]}
    body["tasks"] = [body["tasks"][0], {**body["tasks"][0], "id": 7, "drafts": [drawn]}]
    first, second = two.answer_predict(model_class, body)["results"]
    assert first == []
    assert second["result"]


def test_events_teach_it_nothing(model_class: type[Any]) -> None:
    event = {"action": "START_TRAINING", "project": {"id": 2, "label_config": LABEL_CONFIG}}
    assert two.answer_webhook(model_class, event) == {}


class BaseOne:
    """The base class of 1.x, as far as ours asks it."""

    def __init__(self, label_config: str, hostname: str = "", access_token: str = "") -> None:
        self.label_config = label_config
        self.hostname = hostname
        self.access_token = access_token


@pytest.fixture
def under_one(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Our module on the base of 1.x, which has no ``ModelResponse``."""
    model = ModuleType("label_studio_ml.model")
    model.LabelStudioMLBase = BaseOne  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "label_studio_ml", ModuleType("label_studio_ml"))
    monkeypatch.setitem(sys.modules, "label_studio_ml.model", model)
    monkeypatch.delitem(sys.modules, "label_studio_ml.response", raising=False)
    monkeypatch.delitem(sys.modules, "labelstudio_backend.ml_sdk", raising=False)
    yield import_module("labelstudio_backend.ml_sdk")
    sys.modules.pop("labelstudio_backend.ml_sdk", None)


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, redis: Redis, redis_server: PrivateRedis, nano_weights: Path
) -> None:
    """What an operator sets for a service that encodes by itself where no worker is."""
    for name in WorkerSettings.model_fields:
        monkeypatch.delenv(f"ESAM_{name.upper()}", raising=False)
    monkeypatch.setenv("ESAM_REDIS_URL", redis_server.url)
    monkeypatch.setenv("ESAM_REDIS_REQUIRED", "0")
    monkeypatch.setenv("ESAM_MODEL", "nano")
    monkeypatch.setenv("ESAM_WEIGHTS", str(nano_weights))


@pytest.mark.usefixtures("environment")
def test_a_base_that_was_told_of_label_studio_passes_it_on(
    under_one: ModuleType, predictor: Predictor, host: Host, png: bytes
) -> None:
    host.serve(DOG, png)
    model = under_one.EfficientSAM(LABEL_CONFIG, host.url, "setup-token")
    call = make_predict(DOG, make_keypoint(50, 50))
    answer = model.predict(call["tasks"], context=call["params"]["context"])
    assert isinstance(answer, list)
    assert answer[0]["model_version"] == predictor.model_version
    assert answer[0]["result"]
    assert host.authorizations == ["Token setup-token"]
    assert under_one.load_service() is under_one.load_service(), "one for all models"
