"""Clicks and boxes on images that were sent to this service, answered; knows no HTTP framework."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial

from core import PlacedPrediction, Predictor, Prompt, decode_closely
from worker import INTERACTIVE

from ..errors import translate_error
from ..label_config import parse_label_config
from ..operators.service_metrics import ServiceMetrics
from ..operators.stage_times import StageTimes
from ..outputs import make_regions
from ..prompted_image import EmbeddingSource, OpenImage, PromptedImage
from ..settings import BackendSettings
from .kept_images import KeptImages, open_content
from .messages import Candidate, ImageAnswer, MaskAnswer, MaskRequest
from .sample import Sample

logger = logging.getLogger(__name__)

_KEPT_BYTES = 128 * 2**20
_LABEL = "Object"
_LABEL_CONFIG = f"""<View>
  <Image name="image" value="$image"/>
  <BrushLabels name="tag" toName="image"><Label value="{_LABEL}"/></BrushLabels>
</View>"""


class Playground:
    """Answers the page. Safe between threads.

    Args:
        predictor: the decoder; encoding is the embeddings' business.
        embeddings: where embeddings come from.
        settings: the time an answer may take, and whether small things are looked at in tiles.
        metrics: counts what is predicted.
        samples: photos to offer.
        clock: monotonic seconds.

    Attributes:
        samples: photos to offer, by name.
    """

    def __init__(
        self,
        predictor: Predictor,
        embeddings: EmbeddingSource,
        settings: BackendSettings,
        metrics: ServiceMetrics,
        samples: Sequence[Sample] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._predictor = predictor
        self._embeddings = embeddings
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._images = KeptImages(_KEPT_BYTES)
        self._output = parse_label_config(_LABEL_CONFIG).find_output_tag((_LABEL,), "image")
        self.samples = {sample.name: sample for sample in samples}

    def add_image(self, content: bytes) -> ImageAnswer:
        """Encode an image, and keep it for the clicks to come.

        Args:
            content: the image file's.

        Raises:
            WorkerError: it is no image, or cannot be encoded, or not in time.
        """
        source, times = open_content(content), StageTimes(self._clock)
        embedding = self._prompt(lambda: nullcontext(source), times).embed()
        self._images.keep(source)
        height_px, width_px = embedding.original_size_hw
        logger.info("play image width_px=%d height_px=%d %s", width_px, height_px, times)
        return ImageAnswer(
            image=source.sha256 or "",
            width_px=width_px,
            height_px=height_px,
            times_ms=times.read(),
        )

    def find_masks(self, request: MaskRequest) -> MaskAnswer:
        """Predict the masks of one object.

        Raises:
            ImageMissing: the image is not here any more; it has to be sent again.
            EfficientSAMError: the prompt cannot be decoded.
            WorkerError: the image cannot be encoded, or not in time.
        """
        times = StageTimes(self._clock)
        try:
            answer = self._find_masks(request, times)
        except Exception as error:
            self._metrics.count(translate_error(error).code, times)
            raise
        best = answer["candidates"][answer["best"]]
        self._metrics.count("mask" if best["region"] else "empty", times)
        logger.info("play mask prompts=%d score=%.3f %s", len(request.points) +
                    (request.box is not None), best["score"], times)  # fmt: skip
        return answer

    def _find_masks(self, request: MaskRequest, times: StageTimes) -> MaskAnswer:
        prompt = Prompt(request.points, request.labels, request.box)
        image = self._prompt(partial(self._images.open, request.image), times)
        embedding = image.embed()
        closer = partial(image.look_closer, subject="play")
        with times.measure("decode"):
            (answer,) = decode_closely(
                self._predictor,
                embedding.original_size_hw,
                [prompt],
                lambda: embedding,
                closer if self._settings.has_tiles else lambda tile: None,
            )
        count = len(answer.prediction.iou)
        return MaskAnswer(
            model_version=self._predictor.model_version,
            candidates=[self._draw_candidate(answer, index, times) for index in range(count)],
            best=answer.prediction.best,
            times_ms=times.read(),
        )

    def _prompt(self, open_image: OpenImage, times: StageTimes) -> PromptedImage:
        return PromptedImage(
            open_image,
            self._embeddings,
            deadline=self._clock() + self._settings.predict_timeout_s,
            priority=INTERACTIVE,
            times=times,
            clock=self._clock,
        )

    def _draw_candidate(self, answer: PlacedPrediction, index: int, times: StageTimes) -> Candidate:
        with times.measure("resize"):
            mask = answer.draw_candidate(index)
            area_px = int(mask.sum())
        score = float(answer.prediction.iou[index].clip(0, 1))
        with times.measure("write"):
            region = make_regions(mask, score, self._output, (_LABEL,))[0] if area_px else None
        return Candidate(score=score, area_px=area_px, region=region)
