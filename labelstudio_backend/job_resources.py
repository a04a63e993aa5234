"""What the jobs of this package need in a worker process beside model and Redis."""

from functools import lru_cache

from worker import WorkerContext

from .images.fetcher import ImageFetcher
from .label_studio.account import LabelStudioAccount
from .label_studio.account_store import AccountStore
from .label_studio.client import LabelStudioClient
from .models import ModelStore, ProjectModels
from .settings import BackendSettings


class JobResources:
    """Made once a process: image fetcher and Label Studio clients keep connections, models weights.

    Args:
        settings: limits of images, and where learned models are kept beside Redis.
    """

    def __init__(self, settings: BackendSettings) -> None:
        self.images = ImageFetcher.from_settings(settings)
        self._folder = settings.learned_folder
        self._models: ProjectModels | None = None
        self._open = lru_cache(maxsize=8)(self._make_client)

    def find_client(self, accounts: AccountStore, account_id: str) -> LabelStudioClient:
        """The client of an account.

        Raises:
            LabelStudioUnknown: the account is no longer kept.
        """
        account = accounts.load(account_id)  # also keeps it alive
        return self._open(account_id, account)

    def find_models(self, context: WorkerContext) -> ProjectModels:
        """The versions of this process's model."""
        if self._models is None or self._models.base is not context.predictor:
            store = ModelStore(context.redis, self._folder)
            self._models = ProjectModels(context.predictor, store)
        return self._models

    @staticmethod
    def _make_client(account_id: str, account: LabelStudioAccount) -> LabelStudioClient:
        return LabelStudioClient(account)


_resources: JobResources | None = None


def set_job_resources(resources: JobResources) -> None:
    """Give the jobs of this process what they need; before the first job."""
    global _resources  # noqa: PLW0603  RQ calls module-level functions and hands them nothing else
    _resources = resources


def job_resources() -> JobResources:
    """What jobs of this process work with.

    Raises:
        RuntimeError: nobody gave it.
    """
    if _resources is None:
        raise RuntimeError("this process serves no jobs of whole projects: start `esam worker`")
    return _resources
