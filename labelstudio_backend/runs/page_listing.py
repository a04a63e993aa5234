"""Listing a project's tasks for a run, a page at a time."""

import logging

from ..label_studio.client import LabelStudioClient
from .run import Chunk, Run, RunKind
from .run_store import RunStore, make_chunks, make_lesson, make_page
from .task_outcomes import TaskOutcomes

logger = logging.getLogger(__name__)

PAGE_TASKS = 100


class PageListing:
    """Turns the pages of a run into chunks of tasks.

    Args:
        run: whose tasks are listed.
        store: where its chunks are.
        client: of its Label Studio.
        outcomes: which tasks it has taken.
    """

    def __init__(
        self, run: Run, store: RunStore, client: LabelStudioClient, outcomes: TaskOutcomes
    ) -> None:
        self._run = run
        self._store = store
        self._client = client
        self._outcomes = outcomes

    def list_page(self, chunk: Chunk) -> None:
        """Replace a page by the chunks of its tasks, and the next page.

        Safe to repeat, and for two at a time: the first one counts.

        Args:
            chunk: what ``make_page`` made.

        Raises:
            LabelStudioError: Label Studio does not answer, refuses, or has no such project.
        """
        page_number = chunk.page or 1
        wanted, unwanted, is_past_end = self._read_page(page_number)
        new = self._outcomes.find_new(self._run, wanted)
        done_before = self._outcomes.find_new(self._run, unwanted)
        following = make_chunks(new)
        if not is_past_end and not self._outcomes.is_full(self._run, more=len(new)):
            following.append(make_page(page_number + 1))
        self._store.complete_chunk(
            self._run,
            chunk.id,
            following,
            taken=new,
            already=done_before,
            closing=make_closing(self._run),
        )
        logger.info(
            "run=%s page=%d tasks=%d new=%d", self._run.id, page_number, len(wanted), len(new)
        )

    def _read_page(self, page_number: int) -> tuple[list[int], list[int], bool]:
        """Its tasks, those of it that have their prediction already, and whether none is there."""
        run = self._run
        if run.kind is RunKind.LEARNING:
            found = self._client.list_annotated_tasks(
                run.project, page=page_number, page_size=PAGE_TASKS
            )
            return found or [], [], found is None
        page = self._client.list_tasks(
            run.project,
            page=page_number,
            page_size=PAGE_TASKS,
            view_id=run.options.view,
            filters=run.options.filters,
        )
        is_predicted = {task.id: run.model_version in task.model_versions for task in page.tasks}
        wanted = [task_id for task_id, has in is_predicted.items() if not has]
        return wanted, [x for x, has in is_predicted.items() if has], not page.tasks


def make_closing(run: Run) -> Chunk | None:
    """What is left to do when the last chunk of a run is done."""
    return make_lesson() if run.kind is RunKind.LEARNING else None
