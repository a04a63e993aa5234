"""From a task and its context to predictions; knows no HTTP framework."""

import hashlib
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from core import EfficientSAMError, ImageEmbedding, MaskPrediction, Predictor
from worker import EncodeTimeout, WorkerError

from .errors import BackendError, RequestInvalid, translate_error
from .images import ImageFetcher
from .label_config import LabelConfig, parse_label_config
from .label_studio_account import LabelStudioAccount, find_account
from .projects import Projects, ProjectSetup
from .protocol import ContextRegion, PredictRequest, SetupRequest, Task
from .regions import (
    ObjectPrompt,
    check_original_size,
    group_objects,
    make_brush_region,
    read_labels,
    select_prompt_regions,
)
from .settings import BackendSettings
from .stage_times import StageTimes

logger = logging.getLogger(__name__)

Region = dict[str, object]
Prediction = dict[str, object]


class EmbeddingSource(Protocol):
    """What is needed of ``worker.EmbeddingClient``; it raises ``WorkerError``s."""

    def find(self, image_sha256: str, /) -> ImageEmbedding | None:
        """The embedding of an image, if it was encoded before."""

    def get_or_encode(self, image: bytes, /, *, timeout_s: float) -> ImageEmbedding:
        """The embedding of an image, encoded at once if need be."""

    def find_alias(self, alias: str, /) -> str | None:
        """SHA-256 of the image known under this name."""

    def save_alias(self, alias: str, image_sha256: str, /) -> None:
        """Know an image under this name."""


class PredictionService:
    """Answers Label Studio's questions. Safe between threads.

    Args:
        predictor: the decoder; encoding is the embeddings' business.
        embeddings: where embeddings come from.
        images: fetches what tasks name.
        settings: Label Studio's URL and token, and the time a click may take.
        projects: what ``/setup`` said; a new memory by default.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        predictor: Predictor,
        embeddings: EmbeddingSource,
        images: ImageFetcher,
        settings: BackendSettings,
        projects: Projects | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._predictor = predictor
        self._embeddings = embeddings
        self._images = images
        self._settings = settings
        self._projects = projects or Projects()
        self._clock = clock

    @property
    def model_version(self) -> str:
        """The same string in ``/setup`` and in every prediction."""
        return self._predictor.model_version

    def set_up(self, request: SetupRequest) -> None:
        """Remember where the project's Label Studio is, and log what will go wrong in it."""
        setup = ProjectSetup(request.hostname, request.access_token)
        self._projects.remember(request.project, setup)
        try:
            problems = self.find_problems(request.label_config)
        except RequestInvalid as error:
            problems = [error.detail]
        for problem in problems:
            logger.warning("label config project=%s problem=%s", request.project, problem)

    def find_problems(self, label_config: str | None) -> list[str]:
        """What will go wrong when annotators click with this label config.

        Raises:
            LabelConfigInvalid: it cannot be read.
        """
        return parse_label_config(label_config).find_problems()

    def predict(self, request: PredictRequest) -> list[Prediction | list[Prediction]]:
        """Predict the tasks of one call.

        Returns:
            One entry a task, in order: a prediction, or ``[]`` where there is nothing to predict.
            An empty prediction would mark the task as done.

        Raises:
            BackendError: the call cannot be answered; which kind says why.
        """
        context = request.context
        if context is None or context.result is None:
            return [[] for _ in request.tasks]
        if len(request.tasks) != 1:
            raise RequestInvalid(
                f"a context belongs to exactly one task, got {len(request.tasks)} tasks"
            )
        task = request.tasks[0]
        times = StageTimes(self._clock)
        subject = f"task={task.id!r:.40} project={request.project!r:.40}"
        try:
            prediction = self._predict_context(request, task, context.result, times, subject)
        except (EfficientSAMError, WorkerError) as error:
            answer = translate_error(error)
            answer.subject = f"{subject} {times}"
            raise answer from error
        except BackendError as error:
            error.subject = f"{subject} {times}"
            raise
        return [prediction if prediction is not None else []]

    def _predict_context(
        self,
        request: PredictRequest,
        task: Task,
        context: Sequence[ContextRegion],
        times: StageTimes,
        subject: str,
    ) -> Prediction | None:
        deadline = self._clock() + self._settings.predict_timeout_s
        config = parse_label_config(request.label_config)
        prompts = select_prompt_regions(context)
        image_name = config.find_image_name(prompts[0].to_name)
        for prompt in prompts:
            config.find_brush(read_labels(prompt), image_name)  # before anything slow
        source = _find_image_source(task, config.data_keys[image_name])
        account = find_account(self._settings, self._projects.find(request.project))
        embedding = self._embed(source, account, deadline, times)
        check_original_size(prompts, embedding.original_size_hw)
        objects = group_objects(prompts, embedding.original_size_hw)
        with times.measure("decode"):
            answers = self._predictor.decode(embedding, [o.to_prompt() for o in objects])
            drawn = [(o, a) for o, a in zip(objects, answers, strict=True) if a.mask.any()]
        with times.measure("rle"):
            regions = [_make_region(o, a, config, image_name) for o, a in drawn]
        score = statistics.fmean(a.score for _, a in drawn) if drawn else 0.0
        logger.info(
            "prediction %s prompts=%d objects=%d regions=%d score=%.3f %s",
            subject, len(prompts), len(objects), len(regions), score, times,
        )  # fmt: skip
        if not regions:
            return None
        return {"result": regions, "score": score, "model_version": self.model_version}

    def _embed(
        self, source: str, account: LabelStudioAccount | None, deadline: float, times: StageTimes
    ) -> ImageEmbedding:
        """The image's embedding; its content is not read when its host says it did not change."""
        with times.measure("image"), self._images.open(source, account) as image:
            image_sha256 = self._embeddings.find_alias(image.alias) if image.alias else None
            embedding = self._embeddings.find(image_sha256) if image_sha256 else None
            if embedding is not None:
                return embedding
            content = image.read()
        remaining_s = deadline - self._clock()
        if remaining_s <= 0:
            raise EncodeTimeout(
                f"the image took longer than the {self._settings.predict_timeout_s:g} s of "
                "ESAM_PREDICT_TIMEOUT_S to arrive; click again"
            )
        with times.measure("embedding"):
            embedding = self._embeddings.get_or_encode(content, timeout_s=remaining_s)
            if image.alias:
                self._embeddings.save_alias(image.alias, hashlib.sha256(content).hexdigest())
        return embedding


def _make_region(
    object_prompt: ObjectPrompt, answer: MaskPrediction, config: LabelConfig, image_name: str
) -> Region:
    brush = config.find_brush(object_prompt.labels, image_name)
    return make_brush_region(answer, brush, image_name, object_prompt.labels)


def _find_image_source(task: Task, data_key: str) -> str:
    source = task.data.get(data_key)
    if not isinstance(source, str) or not source.strip():
        fields = ", ".join(map(repr, task.data)) or "none"
        raise RequestInvalid(
            f"the label config's image is in the task's field {data_key!r}, which holds "
            f"{'no' if source is None else 'something else than an'} image URL; the task has the "
            f"fields: {fields}"
        )
    return source
