"""Starting, watching and ending runs; what the HTTP routes and Label Studio's button ask for."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from redis import Redis

from core import Predictor

from ..errors import (
    LabelStudioUnknown,
    ModelConflict,
    ModelMissing,
    RequestInvalid,
    RunConflict,
    RunMissing,
)
from ..label_studio.account import LabelStudioAccount
from ..label_studio.account_store import AccountStore
from ..label_studio.client import LabelStudioClient
from ..models import ModelStore, ProjectModels
from ..task_prompts import PromptSource
from .lesson_store import LessonStore
from .page_listing import PAGE_TASKS
from .run import Run, RunKind, RunOptions, RunProgress, RunState, StoredBox
from .run_jobs import work_on_chunk
from .run_maker import RunMaker
from .run_store import RunStore, make_chunks, make_page
from .task_outcomes import TaskOutcomes

logger = logging.getLogger(__name__)

Boxes = Mapping[str, Sequence[StoredBox]]


class RunService:
    """Runs as people see them. Safe between threads.

    Args:
        redis: where runs and their chunks are.
        predictor: the model that workers have too.
        has_tiles: whether what is small in an image is looked at in a tile of it.
        clock: unix time, seconds.
        models: which version of it a project uses; those in Redis by default, as workers find them.
    """

    def __init__(
        self,
        redis: Redis,
        predictor: Predictor,
        has_tiles: bool = True,
        clock: Callable[[], float] = time.time,
        models: ProjectModels | None = None,
    ) -> None:
        self._store = RunStore(redis, work_on_chunk, clock)
        self._outcomes = TaskOutcomes(redis)
        self._lessons = LessonStore(redis)
        self._accounts = AccountStore(redis)
        self._models = models or ProjectModels(predictor, ModelStore(redis))
        self._maker = RunMaker(self._accounts, self._models, has_tiles, clock)

    def start(
        self,
        project_id: int,
        account: LabelStudioAccount,
        options: RunOptions,
        boxes: Boxes | None = None,
    ) -> Run:
        """Start a run over the tasks of a project.

        Raises:
            RequestInvalid: the options do not fit together.
            LabelConfigInvalid, UnknownLabel: no task of the project could be labelled.
            LabelStudioError: Label Studio does not answer, refuses, or has no such project.
        """
        if (options.prompts is PromptSource.FILE) != bool(boxes):
            raise RequestInvalid("boxes and prompts='file' go together: give both, or neither")
        run = self._maker.make_prelabel(
            self._maker.find_project(project_id, account), account, options
        )
        self._store.create(run, boxes)
        self._store.add_chunks(run.id, [make_page(1)])
        logger.info("run started run=%s project=%d prompts=%s", run.id, project_id, options.prompts)
        return run

    def start_learning(
        self, project_id: int, account: LabelStudioAccount, options: RunOptions | None = None
    ) -> Run:
        """Start a run that learns from what was accepted in a project.

        Args:
            project_id: the project.
            account: of its Label Studio.
            options: ``limit`` and ``steps`` count.

        Raises:
            RunConflict: another run learns from it already.
            LabelConfigInvalid: it has no image.
            LabelStudioError: Label Studio does not answer, refuses, or has no such project.
        """
        project = self._maker.find_project(project_id, account)
        run = self._maker.make_learning(project, account, options or RunOptions())
        self._claim(run, begin=lambda: self._store.create(run))
        self._store.add_chunks(run.id, [make_page(1)])
        logger.info("run started run=%s project=%d kind=learning", run.id, project_id)
        return run

    def find_picture(self, run_id: str, name: str) -> bytes:
        """A picture of what learning changed, as a JPEG file.

        Raises:
            RunMissing: there is no run of this id, or no picture of this name.
        """
        content = self._lessons.load_picture(self._store.find(run_id).id, name)
        if content is None:
            raise RunMissing(f"the run {run_id} has no picture {name!r:.100}")
        return content

    def count_tasks(
        self, project_id: int, account: LabelStudioAccount, options: RunOptions
    ) -> dict[str, object]:
        """What a run would do, without doing it."""
        project = self._maker.find_project(project_id, account)
        model_version = self._maker.make_prelabel(project, account, options).model_version
        tasks = predicted = 0
        client = LabelStudioClient(account)
        try:
            for page_number in range(1, 10**6):
                page = client.list_tasks(
                    project_id,
                    page=page_number,
                    page_size=PAGE_TASKS,
                    view_id=options.view,
                    filters=options.filters,
                )
                if not page.tasks:
                    break
                tasks += len(page.tasks)
                predicted += sum(model_version in t.model_versions for t in page.tasks)
        finally:
            client.close()
        to_predict = tasks - predicted
        return {
            "project": {"id": project.id, "title": project.title},
            "model_version": model_version,
            "tasks": tasks,
            "already_predicted": predicted,
            "to_predict": min(to_predict, options.limit or to_predict),
        }

    def label_tasks(
        self,
        project_key: str | None,
        task_ids: Sequence[int],
        account: LabelStudioAccount | None,
        prompts: PromptSource,
    ) -> Run:
        """Label tasks that somebody selected; pressed again, the same tasks are not taken twice.

        Raises:
            LabelStudioUnknown: nobody said where the project's Label Studio is.
        """
        if project_key is None or account is None:
            raise LabelStudioUnknown(
                "predictions cannot be posted, because this service does not know where Label "
                "Studio is: set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY"
            )
        options = RunOptions(prompts=prompts)
        model_version = self._models.find(project_key).model_version
        run = self._store.find_selection_run(project_key, model_version)
        if run is None or run.options != options:
            project = self._maker.find_project(int(project_key.partition(".")[0]), account)
            run = self._maker.make_prelabel(project, account, options, is_selection=True)
            self._store.create(run)
            self._store.save_selection_run(project_key, run)
        failed = self._outcomes.find_failures(run.id)
        again = [task_id for task_id in task_ids if task_id in failed]
        self._outcomes.forget_failures(run.id, again)
        new = self._outcomes.find_new(run, list(dict.fromkeys(task_ids)))
        self._store.add_chunks(run.id, make_chunks(new + again), taken=new)
        logger.info("run=%s selected=%d new=%d", run.id, len(task_ids), len(new) + len(again))
        return run

    def find(self, run_id: str) -> tuple[Run, RunProgress]:
        """A run and how far it is.

        Raises:
            RunMissing: there is none of this id.
        """
        return self._store.find(run_id), self._store.progress(run_id)

    def list_runs(self, limit: int = 100) -> list[tuple[Run, RunProgress]]:
        """The latest runs, newest first."""
        return [(run, self._store.progress(run.id)) for run in self._store.list_runs(limit)]

    def find_predicted(self, run_id: str) -> list[int]:
        """The tasks that a run gave a prediction.

        Raises:
            RunMissing: there is none of this id.
        """
        return self._outcomes.find_done(self._store.find(run_id).id)

    def find_failures(self, run_id: str) -> dict[int, str]:
        """Reasons by task id.

        Raises:
            RunMissing: there is none of this id.
        """
        return self._outcomes.find_failures(self._store.find(run_id).id)

    def cancel(self, run_id: str) -> None:
        """End a run; tasks in hand are finished, the others stay for a resume.

        Raises:
            RunMissing: there is none of this id.
            RunConflict: it is over already.
        """
        run, progress = self.find(run_id)
        if progress.state is not RunState.RUNNING:
            raise RunConflict(f"the run {run_id} is {progress.state.value} already")
        self._store.stop(run.id, RunState.CANCELLED)

    def resume(self, run_id: str, account: LabelStudioAccount | None = None) -> None:
        """Go on with all tasks that have no outcome, and look for new ones.

        Args:
            run_id: of the run; one that still runs is started anew, which doubles nothing.
            account: instead of the one it had, when its token expired.

        Raises:
            RunMissing: there is none of this id.
            LabelStudioUnknown: its account is no longer kept and none was given.
        """
        run = self._renew(run_id, account)
        chunks = make_chunks(self._outcomes.find_open(run_id), is_doubtful=True)
        self._store.restart(run, chunks if run.is_selection else [*chunks, make_page(1)])

    def retry_failed(self, run_id: str, account: LabelStudioAccount | None = None) -> None:
        """Try the failed tasks again.

        Raises:
            RunMissing: there is none of this id.
            RunConflict: it still runs, or nothing failed.
            LabelStudioUnknown: its account is no longer kept and none was given.
        """
        _, progress = self.find(run_id)
        if progress.state is RunState.RUNNING:
            raise RunConflict(f"the run {run_id} still runs; wait for it, or cancel it first")
        failed = list(self._outcomes.find_failures(run_id))
        if not failed:
            raise RunConflict(f"no task of the run {run_id} failed")
        run = self._renew(run_id, account)
        self._outcomes.forget_failures(run_id, failed)
        chunks = make_chunks(self._outcomes.find_open(run_id), is_doubtful=True)
        self._store.restart(run, chunks)

    def _claim(self, run: Run, begin: Callable[[], None] = lambda: None) -> None:
        other = self._lessons.claim(run.project_key, run.id, self._store, begin)
        if other is not None:
            raise RunConflict(
                f"the run {other} learns from project {run.project} already; wait for it "
                f"(`esam runs watch {other}`), or cancel it first"
            )

    def _renew(self, run_id: str, account: LabelStudioAccount | None) -> Run:
        run = self._store.find(run_id)
        if run.kind is RunKind.LEARNING:
            self._claim(run)
            in_use = self._models.find(run.project_key).model_version
            run = run.model_copy(update={"model_version": in_use})
        try:
            self._models.find_version(run.model_version)
        except (ModelMissing, ModelConflict) as error:
            raise RunConflict(
                f"the run {run_id} predicts with {run.model_version!r}, which is not to be had any "
                f"more ({error}); start a new run"
            ) from error
        account_id = self._accounts.save(account or self._accounts.load(run.account))
        return run.model_copy(update={"account": account_id})
