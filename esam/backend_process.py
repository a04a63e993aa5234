"""The backend process: decoder, embedding client and HTTP service put together."""

from pathlib import Path

from fastapi import FastAPI

from core import Predictor, find_checkpoint
from labelstudio_backend import (
    BackendSettings,
    ImageFetcher,
    ModelStore,
    Playground,
    PredictionService,
    ProjectModels,
    Projects,
    ProjectWork,
    ReadinessProbe,
    RecentFailures,
    ServiceObserver,
    connect_embeddings,
    create_app,
)
from worker import WorkerSettings, current_request_id

from .demo_photos import find_samples
from .early_server import LoadedApp
from .logs import name_requests
from .model_options import say_which_model


def load_backend(model: str | None, weights: Path | None, device: str) -> LoadedApp:
    """Load what Label Studio's protocol is served with.

    Args:
        model: registry name; None takes the best that is there.
        weights: checkpoint file; None looks in the weights folder.
        device: torch device.

    Raises:
        EfficientSAMError: model, weights or device cannot be used.
        RedisUnavailable: the Redis URL is malformed.
    """
    name_requests(current_request_id)
    settings = WorkerSettings(model=model, weights=weights, device=device)
    say_which_model(find_checkpoint(model, weights).spec.name, is_default=model is None)
    predictor = settings.load()
    predictor.drop_encoder()  # encoding is the workers' business
    app = _make_app(predictor, settings, BackendSettings())
    return LoadedApp(app, settings.drain_timeout_s)


def _make_app(predictor: Predictor, settings: WorkerSettings, backend: BackendSettings) -> FastAPI:
    redis, projects, failures = settings.connect(), Projects(), RecentFailures()
    embeddings = connect_embeddings(predictor, settings, backend)
    images = ImageFetcher.from_settings(backend)
    impatient = settings.connect(is_patient=False)
    models = ProjectModels(predictor, ModelStore(impatient, backend.learned_folder))
    work = ProjectWork(redis, predictor, backend, projects, models, failures)
    observer = ServiceObserver(impatient, predictor, embeddings, failures)
    readiness = ReadinessProbe(impatient, predictor, is_redis_required=backend.is_redis_required)
    service = PredictionService(
        predictor,
        embeddings,
        images,
        backend,
        projects,
        failures,
        background=work,
        warm_start=work,
        models=models,
    )
    playground = Playground(predictor, embeddings, backend, service.metrics, find_samples())
    return create_app(service, backend, work, playground, observer, readiness)
