"""The prediction service as a model of label-studio-ml, for teams that run all models under it.

Works under the base class of the published 1.x line and under that of the 2.x line. What differs:

             1.x                                         2.x
constructor  ``(label_config, train_output, hostname,     ``(project_id, label_config)``, then
             access_token, ...)``, once a setup           ``setup()``, once a request
fit          ``(tasks, workdir, event, data, ...)``       ``(event, data, ...)``
predict      a list                                       ``ModelResponse``, or a list

Redis and a worker are needed beside it (``esam worker``): this class decodes, they encode. With
``ESAM_REDIS_REQUIRED=0`` it encodes by itself while they are away.
It is imported by label-studio-ml alone, so the package does not export it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

from label_studio_ml.model import LabelStudioMLBase

from labelstudio_backend.embedding_access import connect_embeddings
from labelstudio_backend.images.fetcher import ImageFetcher
from labelstudio_backend.prediction_service import PredictionService
from labelstudio_backend.project_work import ProjectWork
from labelstudio_backend.projects import Projects
from labelstudio_backend.protocol import PredictRequest, SetupRequest
from labelstudio_backend.settings import BackendSettings
from worker import WorkerSettings

_NO_PROJECT = "0"


@lru_cache(maxsize=1)
def load_service() -> PredictionService:
    """The service of this process, with the settings of its environment.

    Raises:
        EfficientSAMError: model, weights or device cannot be used.
        RedisUnavailable: the Redis URL is malformed.
    """
    worker, backend = WorkerSettings(), BackendSettings()
    predictor = worker.load()
    predictor.drop_encoder()  # encoding is the workers' business
    redis, projects = worker.connect(), Projects()
    work = ProjectWork(redis, predictor, backend, projects)
    return PredictionService(
        predictor,
        connect_embeddings(predictor, worker, backend),
        ImageFetcher.from_settings(backend),
        backend,
        projects,
        background=work,
        warm_start=work,
    )


class EfficientSAM(LabelStudioMLBase):  # type: ignore[misc]  # the base has no types
    """Points and boxes to masks; see ``PredictionService``.

    Attributes:
        project: ``"<id>.<unix time of creation>"`` or the id alone; empty where the base does not
            say it.
    """

    project = ""

    def setup(self) -> None:
        """Tell a base of the 2.x line which model this is."""
        self.set("model_version", load_service().model_version)

    def predict(
        self,
        tasks: Sequence[Mapping[str, Any]],
        context: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Predict tasks.

        Args:
            tasks: as Label Studio sends them.
            context: of an interactive call.
            kwargs: what else the base passes on; not read.

        Returns:
            One entry a task, in order: a prediction, or ``[]`` where there is none. As the base's
            ``ModelResponse``, where it has one.

        Raises:
            BackendError: the call cannot be answered; which kind says why.
        """
        service = load_service()
        project = self.project or getattr(self, "project_id", "") or _NO_PROJECT
        self._introduce(service, project)
        request = PredictRequest.model_validate(
            {
                "tasks": tasks,
                "project": project,
                "label_config": self.label_config,
                "params": {"context": context},
            }
        )
        return _make_response(service.predict(request), service.model_version)

    def fit(self, *args: Any, **kwargs: Any) -> dict[str, object]:
        """Learns nothing from annotations."""
        return {}

    def _introduce(self, service: PredictionService, project: str) -> None:
        """Pass on what a base of the 1.x line was told of Label Studio."""
        hostname = getattr(self, "hostname", "")
        if hostname:
            setup = {"project": project, "schema": self.label_config, "hostname": hostname}
            token = getattr(self, "access_token", "") or None
            service.set_up(SetupRequest.model_validate({**setup, "access_token": token}))


def _make_response(predictions: Sequence[object], model_version: str) -> Any:
    try:
        response = import_module("label_studio_ml.response")
    except ModuleNotFoundError:
        return predictions
    return response.ModelResponse(predictions=predictions, model_version=model_version)
