"""The training loop: scenes in, a checkpoint out; stoppable and resumable at any step."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core import (
    MODELS,
    build_model,
    find_checkpoint,
    has_bfloat16_units,
    load_model_file,
    save_checkpoint,
)
from training.affinity import AffinityHead, affinity_loss
from training.attention import WrittenOutAttention
from training.batches import Batch, BatchRecipe, BatchStream
from training.configuration import TrainingConfig
from training.corrections import correct_answers
from training.initialisation import initialise_encoder
from training.losses import LossTerms, candidate_loss
from training.optimizer import MuonAndAdamW
from training.prompts import BOX_TOP_LEFT_LABEL
from training.runs import RunState, append_record, load_state, replace_file, save_state
from training.threads import ThreadChooser

_LOG = logging.getLogger(__name__)
_LOG_EVERY_STEPS = 20
_SMOOTHING = 0.98
_HALF_COVERED = 128


@dataclass(frozen=True)
class TrainingProgress:
    """Where a run is; the loss and IoU are running means over about 50 steps.

    Attributes:
        step: steps done.
        progress: share of the schedule done, 0 to 1.
        loss: of masks and predicted IoU.
        chosen_iou: mean IoU of the candidates that the model itself prefers.
        affinity: loss of the encoder's side task.
        learning_rate: of this step.
        step_s: seconds of the last step.
        wait_s: of these, spent waiting for the batch.
        threads: torch threads of this step.
        trained_s: seconds of training so far.
    """

    step: int
    progress: float
    loss: float
    chosen_iou: float
    affinity: float
    learning_rate: float
    step_s: float
    wait_s: float
    threads: int
    trained_s: float


def train(
    config: TrainingConfig, *, on_progress: Callable[[TrainingProgress], None] | None = None
) -> Path:
    """Train until the schedule ends or the process is told to stop (SIGTERM, Ctrl-C).

    Args:
        config: settings; a run already in `config.folder` is resumed.
        on_progress: called after every step.

    Returns:
        The weights: the running mean, float16 safetensors, `<folder>/<model>.safetensors`.
    """
    trainer = Trainer(config)
    with _stop_requests() as is_stopping:
        trainer.run(is_stopping, on_progress)
    return trainer.save()


class Trainer:
    """One run's model, optimizer and counters."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        # The thread count changes how sums are rounded: a run to be repeated exactly keeps one.
        # What is compiled is compiled for one.
        is_kept = config.steps is not None or config.is_compiled
        kept = torch.get_num_threads() if is_kept else 0
        self.threads = ThreadChooser(config.threads or kept)
        torch.manual_seed(config.seed)
        architecture = MODELS[config.model].architecture
        if config.start_weights:
            checkpoint = find_checkpoint(config.model, config.start_weights)
            self.model = load_model_file(checkpoint)[0].train()
        else:
            self.model = build_model(architecture)
            initialise_encoder(self.model.image_encoder, architecture.encoder.heads)
        self.affinity = AffinityHead(architecture.embedding_shape[0])
        self.learners = nn.ModuleDict({"model": self.model, "affinity": self.affinity})
        self.device = torch.device(config.device)
        self.learners.to(self.device)
        is_wanted = config.is_bfloat16
        self._is_bfloat16 = has_bfloat16_units(self.device) if is_wanted is None else is_wanted
        self._decoder = self.model.mask_decoder
        self._prepare, self._candidate_loss = self._decoder.prepare, candidate_loss
        if config.is_compiled:
            self._decoder.compile()
            self._prepare = torch.compile(self._decoder.prepare)
            self._candidate_loss = torch.compile(candidate_loss)
        self._start = {name: value.clone() for name, value in self.model.state_dict().items()}
        # The frequencies are saved with a checkpoint: nothing asks them to stay as they were drawn.
        frequencies = self.model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
        frequencies.requires_grad_()
        self.optimizer = MuonAndAdamW(self.learners, [frequencies], config.weight_decay)
        self.state = load_state(config.folder, self.learners, self.optimizer) or RunState(
            0, 0.0, {name: value.clone() for name, value in self._start.items()}
        )
        self.state.average = {n: v.to(self.device) for n, v in self.state.average.items()}
        self.recipe = BatchRecipe(
            config.seed,
            config.scenes,
            config.objects,
            architecture.image_size,
            architecture.logits_size,
        )
        append_record(config.folder, {"start": self.state.step, **config.as_record()})

    def run(
        self,
        is_stopping: Callable[[], bool],
        on_progress: Callable[[TrainingProgress], None] | None = None,
    ) -> None:
        """Do steps until the schedule is done or `is_stopping` says so."""
        saved_at = time.monotonic()
        smoothed: dict[str, float] = {}
        with BatchStream(self.recipe, self.state.step, self.config.makers) as batches:
            while self._progress() < 1.0 and not is_stopping():
                report = self._timed_step(batches, smoothed)
                if on_progress is not None:
                    on_progress(report)
                if report.step % _LOG_EVERY_STEPS == 0:
                    append_record(self.config.folder, asdict(report))
                if time.monotonic() - saved_at > self.config.save_every_s:
                    self.save()
                    saved_at = time.monotonic()

    def save(self) -> Path:
        """Write the state to resume from and the weights; returns the weights' path."""
        save_state(self.config.folder, self.state, self.learners, self.optimizer)
        averaged = build_model(MODELS[self.config.model].architecture)
        share = self.config.start_share
        averaged.load_state_dict(
            {name: mean.lerp(self._start[name], share) for name, mean in self.state.average.items()}
        )
        path = self.config.folder / f"{self.config.model}.safetensors"
        replace_file(path, lambda part: save_checkpoint(averaged, part, dtype=torch.float16))
        _LOG.info("saved step=%d trained_s=%.0f", self.state.step, self.state.trained_s)
        return path

    def _progress(self) -> float:
        return self.config.progress(self.state.step, self.state.trained_s)

    def _timed_step(self, batches: BatchStream, smoothed: dict[str, float]) -> TrainingProgress:
        started = time.monotonic()
        batch = batches.take()
        wait_s = time.monotonic() - started
        rate = self.config.learning_rate_at(self.state.step, self._progress())
        threads = self.threads.start_step()
        terms, affinity = self.step(batch, rate)
        step_s = time.monotonic() - started
        self.threads.end_step(step_s - wait_s)
        self.state.trained_s += step_s
        figures = {"loss": terms.total, "iou": terms.chosen_iou, "affinity": affinity}
        for name, value in figures.items():
            previous = smoothed.get(name, value.item())
            smoothed[name] = _SMOOTHING * previous + (1 - _SMOOTHING) * value.item()
        return TrainingProgress(
            self.state.step,
            self._progress(),
            smoothed["loss"],
            smoothed["iou"],
            smoothed["affinity"],
            rate,
            step_s,
            wait_s,
            threads,
            self.state.trained_s,
        )

    def step(self, batch: Batch, learning_rate: float) -> tuple[LossTerms, Tensor]:
        """One update of the weights and of their running mean; the losses before it."""
        self.optimizer.zero_grad()
        terms, affinity = self._loss(batch)
        (terms.total + self.config.affinity_weight * affinity).backward()
        nn.utils.clip_grad_norm_(self.learners.parameters(), self.config.gradient_norm)
        self.optimizer.step(learning_rate)
        self.state.step += 1
        self._update_average()
        return terms, affinity

    def _loss(self, batch: Batch) -> tuple[LossTerms, Tensor]:
        images = self._to_device(batch.images).permute(0, 3, 1, 2)  # BxSxSx3 -> Bx3xSxS
        truth = self._to_device(batch.truth).float() / 255
        with self._encoder_precision():
            embedding = self.model.encode(images.float() / 255)
        with self._decoder_precision():
            points, labels = self._correct(batch, embedding)
            logits, predicted_iou = self._decode(embedding, points, labels)
        pairs = self.affinity(embedding, self._to_device(batch.places))
        affinity = affinity_loss(pairs, self._to_device(batch.owners))
        has_box = (labels == BOX_TOP_LEFT_LABEL).any(dim=2)
        return self._candidate_loss(logits, predicted_iou, truth, has_box), affinity

    def _decode(self, embedding: Tensor, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        # Positions stay out of autocast: bfloat16 would blur them by about a pixel.
        with torch.autocast(self.device.type, enabled=False):
            tokens = self.model.prompt_encoder(points, labels)
            cell_position = self.model.prompt_encoder.image_positions()
        image = self._prepare(embedding.to(cell_position.dtype), cell_position)
        logits, iou = self._decoder(image, tokens)
        return logits, iou

    def _correct(self, batch: Batch, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """The batch's prompts, in some steps with clicks that correct the answers to them."""
        points, labels = batch.points, batch.labels
        rng = np.random.default_rng((self.config.seed, self.state.step, 2))
        # A correction may be a point outside, which some models have no vector for.
        knows_corrections = self.model.architecture.has_negative_points
        if knows_corrections and rng.random() < self.config.correction_share:
            with torch.no_grad():
                logits, iou = self._decode(
                    embedding, self._to_device(points), self._to_device(labels)
                )
            truth = batch.truth >= _HALF_COVERED
            points, labels = correct_answers(
                rng, points, labels, logits, iou, truth, self.recipe.image_px
            )
        return self._to_device(points), self._to_device(labels)

    def _to_device(self, array: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)

    @contextlib.contextmanager
    def _encoder_precision(self) -> Iterator[None]:
        written_out = WrittenOutAttention() if self.device.type == "cpu" else nullcontext()
        bfloat16 = torch.autocast(self.device.type, torch.bfloat16, enabled=self._is_bfloat16)
        with bfloat16, written_out:
            yield

    def _decoder_precision(self) -> torch.autocast:
        # On a CPU the decoder is passes over memory, not products; and compiled for bfloat16 it
        # gives gradients that are no numbers (torch 2.13).
        is_bfloat16 = self._is_bfloat16 and self.device.type != "cpu"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=is_bfloat16)

    @torch.no_grad()
    def _update_average(self) -> None:
        # Early on the mean must follow quickly, or it would remember the random start.
        decay = min(self.config.ema_decay, (1 + self.state.step) / (10 + self.state.step))
        for name, value in self.model.state_dict().items():
            self.state.average[name].lerp_(value, 1 - decay)


@contextlib.contextmanager
def _stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM and Ctrl-C into a flag that is looked at between steps."""
    requested = False

    def request(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        requested = True

    try:
        previous = {s: signal.signal(s, request) for s in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: signals are somebody else's business
        previous = {}
    try:
        yield lambda: requested
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
