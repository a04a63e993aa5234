"""The tasks of a chunk, and of the chunks that follow it in the same hands.

A pipeline of tasks that starts anew for each chunk stands empty between them, for a fifth of the
time with a fast model. So a worker goes on: whenever it runs out of tasks it does what its loop
would do next, as long as that is of the same run. It lists the next page, or adds the next chunk
to the one in hand.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from .chunk_hold import ChunkHold
from .page_listing import PageListing
from .run import Chunk
from .task_outcomes import TaskOutcomes

logger = logging.getLogger(__name__)

_GO_ON_FOR_S = 600.0


class ChunkTasks:
    """Task ids to iterate over once; more come as long as this worker may go on.

    Attributes:
        taken: all that were in its hands so far, in order.

    Args:
        hold: of the chunk that it begins with.
        listing: of the run's pages.
        outcomes: of the run's tasks.
        should_stop: asked before more is taken.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        hold: ChunkHold,
        listing: PageListing,
        outcomes: TaskOutcomes,
        should_stop: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hold = hold
        self._listing = listing
        self._outcomes = outcomes
        self._should_stop = should_stop
        self._clock = clock
        self._ends_at = clock() + _GO_ON_FOR_S
        self._open: Sequence[int] = hold.chunk.tasks
        self.taken = list(hold.chunk.tasks)

    def __iter__(self) -> Iterator[int]:
        yield from self._hold.chunk.tasks
        while (following := self._find_following()) is not None and self._join(following):
            yield from following.tasks

    def _find_following(self) -> Chunk | None:
        """The chunk that is next, if it can be done along with the one in hand."""
        hold = self._hold
        while hold.is_alone() and self._clock() < self._ends_at and not self._should_stop():
            following = hold.store.find_next_chunk(hold.run_id)
            if following is None or following.page is None:
                is_like_ours = following and following.tasks and not following.is_doubtful
                return following if is_like_ours else None
            self._listing.list_page(following)
        return None

    def _join(self, following: Chunk) -> bool:
        hold = self._hold
        self._open = (*self._outcomes.keep_open(hold.run_id, self._open), *following.tasks)
        held = hold.chunk.model_copy(update={"tasks": self._open})
        if not hold.store.join_chunk(hold.run_id, held, hold.attempt, following):
            return False
        self.taken.extend(following.tasks)
        logger.info("run=%s chunk=%s goes on with chunk=%s", hold.run_id, held.id, following.id)
        return True
