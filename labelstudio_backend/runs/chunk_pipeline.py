"""The tasks of chunks, one behind the other: read, encode, decode, draw and post overlap.

    feeder thread     asks Label Studio for some tasks at a time, finds their prompts
    reading threads   fetch and read images
    encoding threads  encode, decode
    posting threads   draw masks, write RLE, post, and say what became of the task

Only so many tasks are under way, whatever their number, so that memory stays flat.

Hosts of images and Label Studio may be far away: images are read by more threads than there are
cores, and predictions are posted by as many at a time as Label Studio has room for.

On a CPU two batches are encoded at a time, each with half of torch's threads. One with all of
them would wait for the slowest thread at the end of each of hundreds of short loops, and the
slowest is the one beside which an image is read or a mask is drawn (figures: docs/prelabeling.md).
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import Future
from contextlib import ExitStack
from itertools import islice
from queue import Queue
from threading import Event, Semaphore

import torch
from redis.exceptions import RedisError

from worker import RequestThreads

from ..errors import TaskMissing
from ..labeled_task import LabeledTask
from ..protocol import Task
from ..task_labeler import TaskLabeler, TaskPrompt
from ..task_prompts import BoxPrompt, PromptSource
from .batch_labeler import BatchLabeler, ReadTask
from .box_keys import find_box_keys
from .chunk_work import ChunkWork
from .concurrency_limit import CallTurns, ConcurrencyLimit
from .image_fetch import fetch_image
from .task_failures import RUN_STOPPERS, TASK_FAILURES

logger = logging.getLogger(__name__)

_TASKS_A_LOOK = 8
_READERS = 8
LEAST_POSTERS, MOST_POSTERS = 2, 8
"""How many predictions are posted at a time, as Label Studio has room for them."""

# Two, not one a core: a click waits for the encodes in hand, and they are slower side by side.
_CPU_ENCODERS = 2
# Each pass through an encoder costs something by itself, which small images share.
_CPU_PIXELS_AT_ONCE = 512 * 512
_ASK_AGAIN_S = 0.05
_NO_MASK = "no_mask"


class ChunkPipeline:
    """Labels tasks and posts their predictions.

    Args:
        work: the run, the worker's hold of the chunk, and what it works with.
        labeler: of the run's project.
    """

    def __init__(self, work: ChunkWork, labeler: TaskLabeler) -> None:
        self._work = work
        self._labeler = labeler
        predictor = work.context.predictor
        is_cpu = predictor.device.type == "cpu"
        self._encoder_count = _CPU_ENCODERS if is_cpu else 1
        self._batch_size = work.context.images_at_once
        # Where decoding takes seconds an image, batches would keep whoever stops the chunk waiting.
        if is_cpu and work.run.options.prompts is not PromptSource.EVERYTHING:
            pixels = predictor.architecture.image_size**2
            self._batch_size = max(self._batch_size, _CPU_PIXELS_AT_ONCE // pixels)
        self._most_tasks = _READERS + (self._encoder_count + 1) * self._batch_size + MOST_POSTERS
        self._post_turns = CallTurns(ConcurrencyLimit(LEAST_POSTERS, MOST_POSTERS))
        self._labeling = BatchLabeler(work.context, labeler, work.run.options, self._batch_size)

    def label(self, task_ids: Iterable[int], should_stop: Callable[[], bool]) -> Set[int]:
        """Label tasks until all are done or it should stop; at least one is done.

        Args:
            task_ids: of the run's project; the next ones are asked for when they are needed.
            should_stop: asked between tasks.

        Returns:
            Tasks that were begun.

        Raises:
            LabelStudioUnreachable, LabelStudioTokenRefused, LabelStudioUnknown, ProjectMissing:
                no task could go on; those without an outcome are still open.
        """
        self._errors: list[BaseException] = []
        self._is_over = Event()
        self._slots = Semaphore(self._most_tasks)
        self._begun: set[int] = set()
        with ExitStack() as stack:
            readers = stack.enter_context(RequestThreads(_READERS, "read"))
            posters = stack.enter_context(self._start_posters())
            encoders = stack.enter_context(self._start_encoders())
            feeder = stack.enter_context(RequestThreads(1, "feed"))
            line: Queue[Future[ReadTask | None] | None] = Queue()
            feeder.submit(self._feed, task_ids, readers, line)
            turns = Semaphore(self._encoder_count)
            try:
                for batch in self._batches(line):
                    if not self._wait_for(turns, should_stop) or self._errors:
                        break
                    self._begun.update(task.id for task in batch)
                    encoding = encoders.submit(self._encode, batch, posters)
                    encoding.add_done_callback(lambda _: turns.release())
            finally:
                self._is_over.set()
                self._slots.release(self._most_tasks)  # the feeder may wait for one
        if self._errors:
            raise self._errors[0]
        return self._begun

    def _wait_for(self, turns: Semaphore, should_stop: Callable[[], bool]) -> bool:
        """Wait until an encoder is free; False when it should stop.

        Redis is asked while the encoders are at work: the answer is there when one is free.
        """
        while True:
            if self._begun and should_stop():
                return False
            if turns.acquire(timeout=_ASK_AGAIN_S):
                return True

    def _start_posters(self) -> RequestThreads:
        """Threads that draw one mask each, and share no part of it with further threads."""
        return RequestThreads(
            MOST_POSTERS, "post", initializer=torch.set_num_threads, initargs=(1,)
        )

    def _start_encoders(self) -> RequestThreads:
        share = max(1, torch.get_num_threads() // self._encoder_count)
        return RequestThreads(
            self._encoder_count, "encode", initializer=torch.set_num_threads, initargs=(share,)
        )

    def _feed(
        self,
        task_ids: Iterable[int],
        readers: RequestThreads,
        line: "Queue[Future[ReadTask | None] | None]",
    ) -> None:
        """Put every task on the line, read or being read, in order; then None."""
        try:
            remaining = iter(task_ids)
            while some := list(islice(remaining, _TASKS_A_LOOK)):
                found = {
                    task.id: task
                    for task in self._work.client.find_tasks(self._work.run.project, some)
                }
                for task_id in some:
                    self._slots.acquire()
                    if self._is_over.is_set():
                        return
                    line.put(readers.submit(self._read, task_id, found.get(task_id)))
        except BaseException as error:
            self._errors.append(error)
        finally:
            line.put(None)

    def _batches(self, line: "Queue[Future[ReadTask | None] | None]") -> Iterator[list[ReadTask]]:
        """Tasks whose images are there, as many at a time as the device likes."""
        batch: list[ReadTask] = []
        while (reading := line.get()) is not None:
            if (task := reading.result()) is not None:
                batch.append(task)
            if len(batch) >= self._batch_size or (batch and line.empty()):
                yield batch
                batch = []
            if self._errors:
                return
        if batch:
            yield batch

    def _read(self, task_id: int, task: Task | None) -> ReadTask | None:
        """Fetch and read a task's image; None when there is nothing to encode."""
        self._work.job.let_pass()
        if self._is_over.is_set():
            return None
        try:
            prompt = self._find_prompt(task_id, task)
            if prompt is not None:
                return self._read_image(task_id, prompt)
        except Exception as error:  # a thread's edge
            self._settle(task_id, error)
        self._slots.release()
        return None

    def _read_image(self, task_id: int, prompt: TaskPrompt) -> ReadTask:
        content = fetch_image(self._work.images, self._work.client, prompt.source, task_id)
        sha256 = hashlib.sha256(content).hexdigest()
        rgb = self._work.context.read_image(content)
        return ReadTask(task_id, prompt, sha256, rgb)

    def _find_prompt(self, task_id: int, task: Task | None) -> TaskPrompt | None:
        if task is None:
            self._begun.add(task_id)
            gone = "the task is gone: it was deleted in Label Studio"
            self._work.record_failed(task_id, gone, TaskMissing.code)
            return None
        version = self._work.run.model_version
        if any(prediction.model_version == version for prediction in task.predictions):
            self._begun.add(task_id)
            self._work.record_done(task_id)  # by a worker that died before
            return None
        prompt = self._labeler.find_prompt(task, self._find_boxes(task))
        if prompt is None:
            self._begun.add(task_id)
            self._work.record_skipped(task_id)
        return prompt

    def _find_boxes(self, task: Task) -> list[BoxPrompt]:
        """Those that the run's file has of a task; a run without one does not ask Redis."""
        run = self._work.run
        if run.options.prompts is not PromptSource.FILE:
            return []
        stored = self._work.outcomes.find_boxes(run.id, find_box_keys(task))
        return [box.to_prompt() for box in stored]

    def _encode(self, batch: Sequence[ReadTask], posters: RequestThreads) -> None:
        try:
            for task, labeled in self._labeling.label(batch):
                if isinstance(labeled, Exception):
                    self._settle(task.id, labeled)
                    self._slots.release()
                else:
                    posters.submit(self._post, task.id, labeled)
        except Exception as error:  # a thread's edge; it is about none of the tasks
            self._errors.append(error)

    def _post(self, task_id: int, labeled: LabeledTask) -> None:
        self._work.job.let_pass()
        try:
            prediction = labeled.to_prediction()
            if not self._work.hold.was_kept():
                return
            if prediction is None:
                nothing = "every mask is empty or unsure; no prediction was stored"
                self._work.record_failed(task_id, nothing, _NO_MASK)
                return
            project = self._work.run.project
            with self._post_turns.turn():
                if self._errors:  # whoever had the turn before may have waited long in vain
                    return
                try:
                    self._work.client.post_prediction(
                        task_id, project, prediction, self._work.hold.is_alone
                    )
                except RUN_STOPPERS as error:
                    self._errors.append(error)  # before the next one has the turn
                    return
            self._work.record_done(task_id)
        except Exception as error:  # a thread's edge
            self._settle(task_id, error)
        finally:
            self._slots.release()

    def _settle(self, task_id: int, error: Exception) -> None:
        """See what a failure is about: all tasks, or this one, and then the others go on."""
        if isinstance(error, (*RUN_STOPPERS, RedisError)):
            self._errors.append(error)
            return
        if not isinstance(error, TASK_FAILURES):
            logger.error("run=%s task=%s failed", self._work.run.id, task_id, exc_info=error)
        try:
            self._begun.add(task_id)
            self._work.record_error(task_id, error)
        except RedisError as away:
            self._errors.append(away)
