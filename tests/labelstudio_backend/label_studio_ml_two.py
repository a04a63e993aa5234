"""The 2.x line of label-studio-ml as far as a model class and its server meet, written anew.

2.x is not on the package index. This has its constructor, its properties over a cache, ``setup``,
``fit`` and ``ModelResponse``, and does with a model what its ``/setup``, ``/predict`` and
``/webhook`` do. Label configs and predictions are checked by the real label-studio-sdk, as there.
"""

import json
from typing import Any

from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue
from pydantic import BaseModel, ConfigDict

Json = dict[str, Any]

CACHE: dict[tuple[str, str], Any] = {}


class ModelResponse(BaseModel):
    """Predictions of a call."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str | None = None
    predictions: list[list[PredictionValue] | PredictionValue]

    def update_predictions_version(self) -> None:
        for prediction in self.predictions:
            for one in prediction if isinstance(prediction, list) else [prediction]:
                one.model_version = one.model_version or self.model_version


class LabelStudioMLBase:
    """The base class."""

    INITIAL_MODEL_VERSION = "0.0.1"

    def __init__(self, project_id: str | None = None, label_config: str | None = None) -> None:
        self.project_id = project_id or ""
        if label_config is not None:
            self.use_label_config(label_config)
        if not self.model_version:
            self.set("model_version", self.INITIAL_MODEL_VERSION)
        self.setup()

    def setup(self) -> None: ...

    def use_label_config(self, label_config: str) -> None:
        self.label_interface = LabelInterface(config=label_config)
        self.set("label_config", label_config)
        self.set("parsed_label_config", json.dumps(parse_config(label_config)))

    def set_extra_params(self, extra_params: object) -> None:
        self.set("extra_params", extra_params)

    def get(self, key: str) -> Any:
        return CACHE.get((self.project_id, key))

    def set(self, key: str, value: Any) -> None:
        CACHE[self.project_id, key] = value

    @property
    def label_config(self) -> Any:
        return self.get("label_config")

    @property
    def parsed_label_config(self) -> Any:
        return json.loads(self.get("parsed_label_config"))

    @property
    def model_version(self) -> Any:
        return self.get("model_version")


def answer_setup(model_class: type[Any], body: Json) -> Json:
    """``POST /setup``."""
    project_id = body["project"].split(".", 1)[0]
    model = model_class(project_id, label_config=body["schema"])
    model.set_extra_params(body.get("extra_params"))
    return {"model_version": model.get("model_version")}


def answer_predict(model_class: type[Any], body: Json) -> Json:
    """``POST /predict``."""
    project_id = str(body["project"]).split(".", 1)[0]
    params = dict(body["params"])
    context = params.pop("context", {})
    model = model_class(project_id=project_id, label_config=body["label_config"])
    response = model.predict(body["tasks"], context=context, **params)
    if isinstance(response, ModelResponse):
        response.update_predictions_version()
        response = response.model_dump()["predictions"]
    results: Json = json.loads(json.dumps({"results": response}))
    return results


def answer_webhook(model_class: type[Any], body: Json) -> object:
    """``POST /webhook``."""
    body = dict(body)
    event = body.pop("action")
    project = body["project"]
    model = model_class(str(project["id"]), label_config=project["label_config"])
    return model.fit(event, body)
