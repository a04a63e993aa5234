"""``esam worker``: one worker process."""

from labelstudio_backend import PROJECT_JOBS, BackendSettings, JobResources, set_job_resources
from worker import WorkerSettings, start_worker

from .logs import configure_logging
from .model_options import DeviceOption, ModelOption, WeightsOption


def worker(
    model: ModelOption = None, weights: WeightsOption = None, device: DeviceOption = "cpu"
) -> None:
    """Start one worker process; it needs a Redis (ESAM_REDIS_URL)."""
    settings = WorkerSettings(model=model, weights=weights, device=device)
    configure_logging(settings.log_level)
    set_job_resources(JobResources(BackendSettings()))
    start_worker(settings, PROJECT_JOBS)
