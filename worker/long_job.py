"""Long jobs let urgent ones pass.

RQ does one job after the other. Who clicks while a worker has a part of a run in hand would wait
until that is handed back: masks that are drawn must be posted first, and images that are read are
read again by whoever goes on. So the work of a long job is done in a thread, and the thread that RQ
called does meanwhile what is more urgent. What the long job has in hand goes on beside that, with
what is left of the cores; it begins nothing new.
"""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from threading import Event, get_native_id
from typing import TypeVar

import torch

from .context import WorkerContext
from .job_queue import is_urgent_waiting
from .request_id import RequestThreads

_ASK_EVERY_S = 0.02
# As many pass at a time. Where more come than are done, the long job is handed back.
_PASSING_AT_MOST = 2
# A thread that is nicer by so much gets a tenth of what another gets on the same core.
_NICER_BY = 10

_Result = TypeVar("_Result")


class LongJob:
    """What the work of a long job asks between its pieces. Safe between threads."""

    def __init__(self) -> None:
        self._is_stopped = Event()
        self._is_way_free = Event()
        self._is_way_free.set()

    def let_pass(self) -> None:
        """Wait while urgent jobs are done, so that these have the machine to themselves."""
        self._is_way_free.wait()

    def should_stop(self) -> bool:
        """Let urgent jobs pass, then say whether to hand back what is not begun."""
        self.let_pass()
        return self._is_stopped.is_set()

    def stop(self) -> None:
        """Have the work end with what it has in hand."""
        self._is_stopped.set()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Have the work wait, at its next piece, until the body is over."""
        self._is_way_free.clear()
        try:
            yield
        finally:
            self._is_way_free.set()


def do_long_job(context: WorkerContext, queue: str, work: Callable[[LongJob], _Result]) -> _Result:
    """Do the work of a long job, and urgent jobs in the midst of it.

    The work is told to stop when this process shall end, or when more urgent jobs come than may
    pass.

    Args:
        context: of this process.
        queue: the long job's; jobs of those before it are urgent.
        work: what to do; called in a thread, with as many threads of torch's as this one has.

    Raises:
        RedisError: Redis went away where urgent jobs are asked for; the work has ended.
        BaseTimeoutException: the job took too long; the work has ended.
    """
    job = LongJob()
    torch_threads = torch.get_num_threads()
    with RequestThreads(1, "long", initializer=_begin, initargs=(torch_threads,)) as thread:
        working = thread.submit(work, job)
        try:
            while not working.done():
                if context.is_stopping() or not _let_urgent_pass(context, queue, job):
                    job.stop()
                wait([working], _ASK_EVERY_S)
        finally:
            job.stop()
    return working.result()


def _begin(torch_threads: int) -> None:
    """Begin the work's thread; those that it starts will be as nice."""
    torch.set_num_threads(torch_threads)
    if sys.platform == "linux":  # elsewhere only processes are nice
        with suppress(OSError):
            niceness = os.getpriority(os.PRIO_PROCESS, get_native_id())
            os.setpriority(os.PRIO_PROCESS, get_native_id(), niceness + _NICER_BY)


def _let_urgent_pass(context: WorkerContext, queue: str, job: LongJob) -> bool:
    """Do urgent jobs that wait; whether none waits now."""
    if not is_urgent_waiting(context.redis, than=queue):
        return True
    with job.passing():
        context.do_urgent_jobs(queue, _PASSING_AT_MOST)
    return not is_urgent_waiting(context.redis, than=queue)
