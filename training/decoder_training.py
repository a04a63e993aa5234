"""Teach a decoder on embeddings that stay as they are, and stop when it no longer helps.

All of the mask decoder learns, and the vectors of points and corners; the position features stay,
so that a place means what it meant to the encoder.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from core import Architecture, EfficientSAM
from training.attention import WrittenOutAttention
from training.corrections import correct_answers
from training.decoder_batches import DecoderBatch
from training.losses import candidate_loss
from training.prompts import BOX_TOP_LEFT_LABEL

_LAST_RATE_SHARE = 0.02
_CORRECTED_SHARE = 0.4
_HALF_COVERED = 0.5
_MOMENTS = ("exp_avg", "exp_avg_sq")

_Decode = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class DecoderTrainingConfig:
    """How a decoder learns.

    Attributes:
        steps: at most so many.
        views: encoded views a step.
        prompts: prompts a view.
        learning_rate: peak; it rises over ``warmup_steps`` and then falls along a cosine.
        warmup_steps: see ``learning_rate``.
        weight_decay: of the matrices and vectors alike.
        gradient_norm: gradients are clipped to it.
        average_decay: of the running mean of the weights, which is what is kept.
        round_steps: steps between two looks at the tuning part.
        patience: rounds without a gain of ``min_gain`` after which it stops.
        min_gain: see ``patience``, mean IoU.
        seed: of objects and prompts.
    """

    steps: int = 400
    views: int = 4
    prompts: int = 2
    learning_rate: float = 5e-4
    warmup_steps: int = 20
    weight_decay: float = 0.01
    gradient_norm: float = 1.0
    average_decay: float = 0.97
    round_steps: int = 25
    patience: int = 5
    min_gain: float = 0.002
    seed: int = 0


class DecoderTraining:
    """One decoder that learns; stoppable after any step.

    Args:
        decoder: where it starts (``Predictor.copy_decoder``); changed in place.
        config: how it learns.

    Attributes:
        averaged: the running mean of its weights, which is what rounds look at.
        best: the running mean of the best round; before the first, the weights it started with.
        step: steps done.
        best_score: of the best round, None before the first.
    """

    def __init__(self, decoder: EfficientSAM, config: DecoderTrainingConfig) -> None:
        self.config = config
        self.averaged = _copy(decoder)
        self.best = _copy(decoder)
        self.step = 0
        self.best_score: float | None = None
        self._rounds_without_gain = 0
        self._decoder = decoder.train()
        self._device = next(decoder.parameters()).device
        self._learned = dict(decoder.named_parameters())
        self._optimizer = torch.optim.AdamW(
            self._learned.values(), lr=config.learning_rate, weight_decay=config.weight_decay
        )

    @property
    def architecture(self) -> Architecture:
        """The model's."""
        return self._decoder.architecture

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be expected of further steps."""
        return self.step >= self.config.steps or self._rounds_without_gain >= self.config.patience

    def make_rng(self) -> np.random.Generator:
        """What chooses in the next step: the same after a stop as without one."""
        return np.random.default_rng((self.config.seed, self.step))

    def learn(self, batch: DecoderBatch) -> float:
        """One update of the weights; returns the mean IoU of the candidates chosen before it."""
        rate = self._find_rate()
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        truth = batch.truth.to(self._device)
        with WrittenOutAttention() if self._device.type == "cpu" else nullcontext():
            image = self._decoder.prepare(batch.features.to(self._device))
            decode = partial(self._decoder.decode, image)
            points, labels = self._correct(batch, decode)
            logits, iou = decode(points, labels)
            has_box = (labels == BOX_TOP_LEFT_LABEL).any(dim=2)
            terms = candidate_loss(logits, iou, truth, has_box)
            terms.total.backward()
        nn.utils.clip_grad_norm_(self._learned.values(), self.config.gradient_norm)
        self._optimizer.step()
        self.step += 1
        self._update_average()
        return float(terms.chosen_iou)

    def end_round(self, score: float) -> None:
        """Say how good the running mean is on the tuning part; the best one is kept."""
        if self.best_score is None or score > self.best_score + self.config.min_gain:
            self.best_score = score
            self.best.load_state_dict(self.averaged.state_dict())
            self._rounds_without_gain = 0
        else:
            self._rounds_without_gain += 1

    def save(self) -> dict[str, Tensor]:
        """Everything that changes while it learns, copied to the CPU."""
        tensors = {
            f"{name}/{part}": tensor
            for name, model in self._models().items()
            for part, tensor in model.state_dict().items()
        }
        for name, parameter in self._learned.items():
            moments = self._optimizer.state.get(parameter, {})
            tensors |= {f"{kind}/{name}": moments[kind] for kind in _MOMENTS if kind in moments}
        best = math.nan if self.best_score is None else self.best_score
        counters = [self.step, best, self._rounds_without_gain]
        tensors["counters"] = torch.tensor(counters, dtype=torch.float64)
        return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on exactly where ``save`` was called."""
        for name, model in self._models().items():
            prefix = f"{name}/"
            state = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            model.load_state_dict(state)
        step, best, rounds = tensors["counters"].tolist()
        self.step, self._rounds_without_gain = int(step), int(rounds)
        self.best_score = None if math.isnan(best) else best
        for name, parameter in self._learned.items():
            if f"{_MOMENTS[0]}/{name}" in tensors:
                moments = {k: tensors[f"{k}/{name}"].to(self._device) for k in _MOMENTS}
                self._optimizer.state[parameter] = {"step": torch.tensor(float(step)), **moments}

    def _models(self) -> dict[str, EfficientSAM]:
        return {"decoder": self._decoder, "averaged": self.averaged, "best": self.best}

    def _find_rate(self) -> float:
        done = self.step / self.config.steps
        left = _LAST_RATE_SHARE + (1 - _LAST_RATE_SHARE) * 0.5 * (1 + math.cos(math.pi * done))
        return (
            self.config.learning_rate * left * min(1.0, (self.step + 1) / self.config.warmup_steps)
        )

    def _correct(self, batch: DecoderBatch, decode: _Decode) -> tuple[Tensor, Tensor]:
        """The batch's prompts; in some steps with clicks that correct the answers to them.

        A correction may be a point outside, which some models have no vector for.
        """
        points, labels = batch.points.to(self._device), batch.labels.to(self._device)
        rng = np.random.default_rng((self.config.seed, self.step, 1))
        if not self.architecture.has_negative_points or rng.random() >= _CORRECTED_SHARE:
            return points, labels
        with torch.no_grad():
            answers = decode(points, labels)
        corrected = correct_answers(
            rng,
            batch.points.numpy(),
            batch.labels.numpy(),
            *answers,
            (batch.truth >= _HALF_COVERED).numpy(),
            self.architecture.image_size,
        )
        more_points, more_labels = (torch.from_numpy(array) for array in corrected)
        return more_points.to(self._device), more_labels.to(self._device)

    @torch.no_grad()
    def _update_average(self) -> None:
        # Early on the mean must follow quickly, or it would remember the start.
        decay = min(self.config.average_decay, (1 + self.step) / (10 + self.step))
        for name, value in self._decoder.state_dict().items():
            self.averaged.state_dict()[name].lerp_(value, 1 - decay)


def _copy(decoder: EfficientSAM) -> EfficientSAM:
    return copy.deepcopy(decoder).eval().requires_grad_(False)
