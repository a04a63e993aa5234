"""The latest click wins: which interactive calls nobody waits for any more.

Fast clicks send calls that overlap, and Label Studio's page keeps the answer of the last one alone.
No call says who clicks; the ids of its regions do, since the page makes them at random. Call B
supersedes the older call A when all of this holds:

1. both are of the same project, task, image tag and image;
2. every region of A has an id, and B's regions have all of these ids: with auto-accept off, the
   page repeats the pending regions with each click, and sends the same ones when one is dragged;
3. at least one id of A is of no region stored in the task: what is stored is in the context of
   everybody who opens the task.

So neither another annotator nor a click with auto-accept on, which sends a new region alone, ever
supersedes a call. One process of the service knows its own calls only: where there are several, a
call that went to another is decoded, as if it had come in time.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from .errors import Superseded
from .protocol import ContextRegion, Task


@dataclass(frozen=True)
class CallSubject:
    """What an interactive call is about.

    Attributes:
        project: ``"<id>.<unix time of creation>"``.
        task_id: the task.
        image_name: the image tag.
        source: what the task says of where the image is.
    """

    project: str | None
    task_id: int | str | None
    image_name: str
    source: str


class OpenCall:
    """An interactive call that was not answered yet."""

    def __init__(self, region_ids: frozenset[str], is_of_one_page: bool) -> None:
        self.region_ids = region_ids
        self._is_of_one_page = is_of_one_page
        self._is_superseded = False

    def give_way(self, newer: "OpenCall") -> None:
        """Be superseded, if the newer call is of the same page and asks for all of this and more.

        What was decoded by then is answered all the same.
        """
        if self._is_of_one_page and self.region_ids <= newer.region_ids:
            self._is_superseded = True

    def check_wanted(self) -> None:
        """Whether somebody still waits for the answer.

        Raises:
            Superseded: a newer call took its place.
        """
        if self._is_superseded:
            raise Superseded(
                "a newer call of the same page asks for all of this and more, and Label Studio "
                "shows its answer alone; nothing is to be done"
            )


class LatestCalls:
    """The interactive calls of this process that are under way. Safe between threads."""

    def __init__(self) -> None:
        self._open: defaultdict[CallSubject, list[OpenCall]] = defaultdict(list)
        self._lock = Lock()

    @contextmanager
    def open(
        self, subject: CallSubject, regions: Sequence[ContextRegion], task: Task
    ) -> Iterator[OpenCall]:
        """Let a call supersede older ones, and be superseded itself until the body is left.

        Args:
            subject: what it is about.
            regions: all of its prompts.
            task: the task with what is stored in it.
        """
        ids = frozenset(r.id for r in regions if r.id is not None)
        has_all_ids = all(r.id is not None for r in regions)
        call = OpenCall(ids, has_all_ids and not ids <= _stored_ids(task))
        with self._lock:
            for older in self._open[subject]:
                older.give_way(call)
            self._open[subject].append(call)
        try:
            yield call
        finally:
            with self._lock:
                self._open[subject].remove(call)
                if not self._open[subject]:
                    del self._open[subject]


def _stored_ids(task: Task) -> frozenset[str]:
    stored = (*task.annotations, *task.drafts, *task.predictions)
    return frozenset(r.id for one in stored for r in one.result if r.id is not None)
