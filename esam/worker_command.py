"""``esam worker``: one worker process."""

from core import find_checkpoint
from labelstudio_backend import PROJECT_JOBS, BackendSettings, JobResources, set_job_resources
from worker import WorkerSettings, current_request_id, start_worker

from .logs import configure_logging, name_requests
from .model_options import DeviceOption, ModelOption, WeightsOption


def worker(
    model: ModelOption = None, weights: WeightsOption = None, device: DeviceOption = "cpu"
) -> None:
    """Start one worker process; it needs a Redis (ESAM_REDIS_URL).

    Start as many as you like, one a device.

    ```sh
    ESAM_REDIS_URL=redis://redis:6379/0 esam worker --device cuda:1
    ```
    """
    configure_logging()
    find_checkpoint(model, weights)  # what is not there is said before Redis is waited for
    name_requests(current_request_id)
    settings = WorkerSettings(model=model, weights=weights, device=device)
    set_job_resources(JobResources(BackendSettings()))
    start_worker(settings, PROJECT_JOBS)
