"""How good a model is: mean IoU by kind of prompt, beside answers that need no model.

Prompts are answered as the product answers them: small things are looked at in tiles of the image.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from rich.table import Table

from training.examples import Example, held_out_scenes, photo_paths, photos
from training.prompts import AnnotatorPrompt, PromptKind, draw_prompt

if TYPE_CHECKING:
    from core import ImageEmbedding, PlacedPrediction, Predictor, Prompt, Tile

BoolArray = npt.NDArray[np.bool_]
HELD_OUT_SCENES = 200
# Share of the picture from which an object counts as large.
LARGE_SHARE = 0.01


@dataclass(frozen=True)
class PromptScore:
    """Figures of one kind of prompt.

    Attributes:
        kind: how the objects were shown.
        objects: prompts measured.
        mean_iou: of the answer with the highest predicted IoU.
        large_mean_iou: the same for objects of at least a hundredth of the picture; None if none.
        share_above_half: of the objects with an IoU of at least 0.5.
        filled_box_iou: mean IoU of simply filling the box; None without a box.
        ellipse_iou: mean IoU of the ellipse in the box; None without a box.
    """

    kind: PromptKind
    objects: int
    mean_iou: float
    large_mean_iou: float | None
    share_above_half: float
    filled_box_iou: float | None
    ellipse_iou: float | None


@dataclass(frozen=True)
class EvaluationReport:
    """What was measured, on what.

    Attributes:
        source: the pictures, in words.
        images: pictures measured.
        scores: one entry a kind of prompt.
        encode_ms: median time to encode a picture.
        decode_ms: median time to decode one prompt.
    """

    source: str
    images: int
    scores: tuple[PromptScore, ...]
    encode_ms: float
    decode_ms: float

    def score(self, kind: PromptKind) -> PromptScore:
        """The figures of one kind of prompt."""
        return next(score for score in self.scores if score.kind is kind)


def mask_iou(mask: BoolArray, truth: BoolArray) -> float:
    """Intersection over union of two (H, W) masks; 0 when both are empty."""
    union = int((mask | truth).sum())
    return int((mask & truth).sum()) / union if union else 0.0


def filled_box(box_xyxy_px: npt.NDArray[np.float32], size: tuple[int, int]) -> BoolArray:
    """The trivial answer to a box: all of it. `size` is (height, width)."""
    x, y = _pixel_centres(size)
    x0, y0, x1, y1 = (float(value) for value in box_xyxy_px)
    return np.asarray((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))


def ellipse_in_box(box_xyxy_px: npt.NDArray[np.float32], size: tuple[int, int]) -> BoolArray:
    """The better trivial answer to a box: the ellipse that touches its sides."""
    x, y = _pixel_centres(size)
    x0, y0, x1, y1 = (float(value) for value in box_xyxy_px)
    across = (2 * x - x0 - x1) / max(x1 - x0, 1e-6)
    down = (2 * y - y0 - y1) / max(y1 - y0, 1e-6)
    return np.asarray(across**2 + down**2 <= 1)


def _pixel_centres(size: tuple[int, int]) -> tuple[npt.NDArray[np.floating], ...]:
    return np.arange(size[1])[None, :] + 0.5, np.arange(size[0])[:, None] + 0.5


def evaluate(
    predictor: Predictor,
    *,
    scenes: int = HELD_OUT_SCENES,
    photos_folder: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EvaluationReport:
    """Measure a model on held-out scenes, or on a folder of photographs with known objects.

    Args:
        predictor: the loaded model.
        scenes: how many made scenes, when no folder is given.
        photos_folder: pairs `NAME.jpg` and `NAME_objects.png` (value k > 0 is object k).
        on_progress: called with (pictures done, pictures in all).

    Returns:
        The figures; the same model and pictures always give the same ones, times apart.

    Raises:
        FileNotFoundError: the folder holds no such pair.
    """
    if photos_folder is None:
        source, total = f"{scenes} held-out scenes", scenes
        examples: Iterable[Example] = held_out_scenes(scenes)
    else:
        total = len(photo_paths(photos_folder))
        source, examples = f"{total} photographs", photos(photos_folder)
    tally = _Tally(predictor)
    for done, example in enumerate(examples, start=1):
        tally.add(example)
        if on_progress is not None:
            on_progress(done, total)
    return tally.report(source, total)


class _TileEncoder:
    """Encodes tiles of one picture, each once; knows how long that took."""

    def __init__(self, predictor: Predictor, image: npt.NDArray[np.uint8]) -> None:
        self.spent_s = 0.0
        self._predictor = predictor
        self._image = image
        self._encoded: dict[Tile, ImageEmbedding] = {}

    def encode(self, tile: Tile) -> ImageEmbedding:
        """The embedding of a part of the picture."""
        if tile not in self._encoded:
            started = time.perf_counter()
            self._encoded[tile] = self._predictor.encode(tile.crop(self._image))
            self.spent_s += time.perf_counter() - started
        return self._encoded[tile]


class _Tally:
    """IoU of every object and kind of prompt, as pictures are added."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.ious: dict[PromptKind, list[tuple[float, ...]]] = {k: [] for k in PromptKind}
        self.encode_s: list[float] = []
        self.decode_s: list[float] = []

    def add(self, example: Example) -> None:
        """Encode the picture once and decode each object with each kind of prompt."""
        if not len(example.objects):
            return
        started = time.perf_counter()
        embedding = self.predictor.encode(example.image)
        self.encode_s.append(time.perf_counter() - started)
        closer = _TileEncoder(self.predictor, example.image)
        for kind in PromptKind:
            rng = np.random.default_rng(zlib.crc32(f"{example.name} {kind.value}".encode()))
            prompts = [draw_prompt(rng, mask, kind) for mask in example.objects]
            started, encoded_s = time.perf_counter(), closer.spent_s
            answers = self._answer(embedding, prompts, closer)
            spent_s = time.perf_counter() - started - (closer.spent_s - encoded_s)
            self.decode_s.append(spent_s / len(prompts))
            for prompt, answer, truth in zip(prompts, answers, example.objects, strict=True):
                share = float(truth.mean())
                measured = (mask_iou(answer.draw(), truth), *_trivial(prompt, truth), share)
                self.ious[kind].append(measured)

    def _answer(
        self, embedding: ImageEmbedding, prompts: list[AnnotatorPrompt], closer: _TileEncoder
    ) -> list[PlacedPrediction]:
        from core import decode_closely  # here, so that reading a report does not load torch

        asked = [_as_core(prompt) for prompt in prompts]
        return decode_closely(
            self.predictor, embedding.original_size_hw, asked, lambda: embedding, closer.encode
        )

    def report(self, source: str, images: int) -> EvaluationReport:
        """Average what was added.

        Raises:
            ValueError: no object was seen.
        """
        if not self.encode_s:
            raise ValueError(f"no object in {source}: there is nothing to measure")
        scores = tuple(self._score(kind) for kind in PromptKind)
        encode_ms = 1000 * float(np.median(self.encode_s))
        decode_ms = 1000 * float(np.median(self.decode_s))
        return EvaluationReport(source, images, scores, encode_ms, decode_ms)

    def _score(self, kind: PromptKind) -> PromptScore:
        ious = np.array(self.ious[kind])
        mean, box, ellipse, _ = (float(value) for value in ious.mean(axis=0))
        large = ious[ious[:, 3] >= LARGE_SHARE, 0]
        has_box = not np.isnan(box)
        return PromptScore(
            kind,
            len(ious),
            mean,
            float(large.mean()) if len(large) else None,
            float((ious[:, 0] >= 0.5).mean()),
            box if has_box else None,
            ellipse if has_box else None,
        )


def _trivial(prompt: AnnotatorPrompt, truth: BoolArray) -> tuple[float, float]:
    if prompt.box_xyxy_px is None:
        return float("nan"), float("nan")
    size = (truth.shape[0], truth.shape[1])
    return (
        mask_iou(filled_box(prompt.box_xyxy_px, size), truth),
        mask_iou(ellipse_in_box(prompt.box_xyxy_px, size), truth),
    )


def _as_core(prompt: AnnotatorPrompt) -> Prompt:
    from core import Prompt  # here, so that reading a report does not load torch

    return Prompt(points=prompt.points, box=prompt.box_xyxy_px)


def as_table(report: EvaluationReport) -> Table:
    """Lay a report out for the terminal."""
    title = (
        f"Mean IoU on {report.source} "
        f"(encode {report.encode_ms:.0f} ms, decode {report.decode_ms:.0f} ms a prompt)"
    )
    table = Table(title=title)
    headings = (
        "prompt",
        "objects",
        "mean IoU",
        "large ones",
        "IoU ≥ 0.5",
        "filled box",
        "ellipse in box",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "prompt" else "right")
    for score in report.scores:
        table.add_row(
            score.kind.value,
            str(score.objects),
            f"{score.mean_iou:.3f}",
            _as_text(score.large_mean_iou),
            f"{score.share_above_half:.0%}",
            _as_text(score.filled_box_iou),
            _as_text(score.ellipse_iou),
        )
    return table


def _as_text(iou: float | None) -> str:
    return "–" if iou is None else f"{iou:.3f}"
