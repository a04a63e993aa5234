"""A run's record: what is done, in which project, with which version of the model."""

from collections.abc import Callable
from uuid import uuid4

from ..label_config import parse_label_config
from ..label_studio.account import LabelStudioAccount
from ..label_studio.account_store import AccountStore
from ..label_studio.answers import Project
from ..label_studio.client import LabelStudioClient
from ..models import ProjectModels
from ..task_labeler import LabelingPlan, TaskLabeler
from .run import Run, RunKind, RunOptions


class RunMaker:
    """Makes records of runs that can be done. Safe between threads.

    Args:
        accounts: keeps the account for the workers.
        models: which version of the model a project uses.
        has_tiles: whether what is small in an image is looked at in a tile of it.
        clock: unix time, seconds.
    """

    def __init__(
        self,
        accounts: AccountStore,
        models: ProjectModels,
        has_tiles: bool,
        clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._models = models
        self._has_tiles = has_tiles
        self._clock = clock

    def find_project(self, project_id: int, account: LabelStudioAccount) -> Project:
        """The project, as Label Studio describes it.

        Raises:
            LabelStudioError: Label Studio does not answer, refuses, or has no such project.
        """
        client = LabelStudioClient(account, patience_s=10)
        try:
            return client.find_project(project_id)
        finally:
            client.close()

    def make_prelabel(
        self,
        project: Project,
        account: LabelStudioAccount,
        options: RunOptions,
        is_selection: bool = False,
    ) -> Run:
        """A run that predicts.

        Raises:
            LabelConfigInvalid, UnknownLabel: no task of the project could be labelled.
        """
        config = parse_label_config(project.label_config)
        plan = LabelingPlan(options.prompts, options.label)
        TaskLabeler(self._models.find(project.key), config, plan).check_plan()
        return self._make(project, account, options, RunKind.PRELABEL, is_selection)

    def make_learning(
        self, project: Project, account: LabelStudioAccount, options: RunOptions
    ) -> Run:
        """A run that learns.

        Raises:
            LabelConfigInvalid: the project has no image.
        """
        parse_label_config(project.label_config)
        return self._make(project, account, options, RunKind.LEARNING)

    def _make(
        self,
        project: Project,
        account: LabelStudioAccount,
        options: RunOptions,
        kind: RunKind,
        is_selection: bool = False,
    ) -> Run:
        return Run(
            id=uuid4().hex[:8],
            kind=kind,
            project=project.id,
            project_key=project.key,
            project_title=project.title,
            label_config=project.label_config,
            account=self._accounts.save(account),
            label_studio_url=str(account.base_url),
            model_version=self._models.find(project.key).model_version,
            options=options,
            has_tiles=self._has_tiles,
            is_selection=is_selection,
            created_at=self._clock(),
        )
