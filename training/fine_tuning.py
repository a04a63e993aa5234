"""Learning from a project: measure, teach the decoder, measure again, say whether it is better.

It goes in small pieces of work, so that whoever runs it can stop between any two of them to do
something more urgent, and go on later, in another process if need be.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from core import Predictor, write_decoder
from training.accepted_objects import AcceptedObject, part_by_image
from training.comparison import Change, Comparison, Ious, judge, measure
from training.corrections import choose_candidates
from training.decoder_batches import BatchMaker, Embed, cover_cells, pack_prompt
from training.decoder_training import DecoderTraining, DecoderTrainingConfig
from training.losses import mask_iou
from training.prompts import PromptKind, draw_prompt

MAX_MEASURED = 200
"""Objects that are measured before and after, at most."""
_MAX_TUNED = 40
_TUNING_PROMPTS = (PromptKind.ONE_CLICK, PromptKind.BOX)


class FineTuningPhase(str, Enum):
    """What is being done."""

    BEFORE = "measuring before"
    LEARNING = "learning"
    AFTER = "measuring after"
    OVER = "over"


@dataclass(frozen=True)
class FineTuningProgress:
    """How far it is.

    Attributes:
        phase: what is being done.
        done: objects measured, or steps.
        total: of these, at most; learning may stop sooner.
        tuning_iou: mean IoU on the tuning part in the best round; None before the first.
    """

    phase: FineTuningPhase
    done: int
    total: int
    tuning_iou: float | None


class FineTuning:
    """One decoder that learns from accepted objects.

    Args:
        base: what learning starts from; the weights as they were published or shipped.
        in_use: what has to be beaten; the base, or what was learned before.
        objects: of one project.
        embed: features of their views, made by the base's encoder.
        config: how the decoder learns.

    Raises:
        TooFewObjects: there is not enough to learn from.
    """

    def __init__(
        self,
        base: Predictor,
        in_use: Predictor,
        objects: Sequence[AcceptedObject],
        embed: Embed,
        config: DecoderTrainingConfig | None = None,
    ) -> None:
        parts = part_by_image(objects)
        self._base = base
        self._in_use = in_use
        self._embed = embed
        self._measured = _thin(parts.held_out, MAX_MEASURED)
        self._tuned = _thin(parts.tuning, _MAX_TUNED)
        self._batches = BatchMaker(parts.learned, embed, base.architecture)
        self._training = DecoderTraining(base.copy_decoder(), config or DecoderTrainingConfig())
        self._digest = _digest(base, in_use, objects, self._training.config)
        self._before: list[Ious] = []
        self._after: list[Ious] = []
        self._round: list[float] = []
        self._tuned_step = -1

    @property
    def progress(self) -> FineTuningProgress:
        """How far it is."""
        training = self._training
        measured = len(self._measured)
        phase, done, total = FineTuningPhase.OVER, measured, measured
        if len(self._before) < measured:
            phase, done = FineTuningPhase.BEFORE, len(self._before)
        elif self._is_round_due or not training.is_over:
            phase, done, total = FineTuningPhase.LEARNING, training.step, training.config.steps
        elif len(self._after) < measured:
            phase, done = FineTuningPhase.AFTER, len(self._after)
        return FineTuningProgress(phase, done, total, training.best_score)

    @property
    def is_over(self) -> bool:
        """Whether the result is there."""
        return self.progress.phase is FineTuningPhase.OVER

    def advance(self) -> None:
        """Do a piece of work: a step of a few prompts, or the prompts on one object."""
        phase = self.progress.phase
        if phase is FineTuningPhase.BEFORE:
            self._before.append(self._measure(self._in_use, self._before))
        elif phase is FineTuningPhase.LEARNING:
            self._learn()
        elif phase is FineTuningPhase.AFTER:
            self._after.append(self._measure(self.learned, self._after))

    @property
    def comparison(self) -> Comparison:
        """What came of it; once it is over."""
        return judge(self._measured, self._before, self._after)

    @property
    def changes(self) -> list[Change]:
        """What became of each object that was measured; once it is over."""
        triples = zip(self._measured, self._before, self._after, strict=True)
        return [Change(*triple) for triple in triples]

    @cached_property
    def learned(self) -> Predictor:
        """The decoder that learned, as it will be stored; once learning is over."""
        return self._base.with_decoder(self.write())

    def write(self, notes: Mapping[str, str] | None = None) -> bytes:
        """The decoder that learned as a file, with notes in it."""
        return write_decoder(self._training.best, self._base.embedding_identity, notes)

    def save(self) -> bytes:
        """Everything that was done so far, as safetensors."""
        lists = {"before": self._before, "after": self._after, "round": self._round}
        tensors = {name: torch.tensor(found, dtype=torch.float64) for name, found in lists.items()}
        tensors["digest"] = torch.frombuffer(bytearray(self._digest), dtype=torch.uint8)
        tensors["tuned_step"] = torch.tensor(self._tuned_step)
        return save_safetensors(tensors | self._training.save())

    def restore(self, content: bytes) -> bool:
        """Go on where ``save`` was called, with the same objects and models.

        Returns:
            Whether it does; False when something is not the same, and all begins anew.
        """
        try:
            tensors = load_safetensors(content)
        except SafetensorError:
            return False
        if bytes(tensors["digest"].tolist()) != self._digest:
            return False
        self._before = [tuple(row) for row in tensors["before"].tolist()]
        self._after = [tuple(row) for row in tensors["after"].tolist()]
        self._round = tensors["round"].tolist()
        self._tuned_step = int(tensors["tuned_step"])
        self._training.restore(tensors)
        return True

    def _learn(self) -> None:
        training = self._training
        if not self._is_round_due:
            rng = training.make_rng()
            training.learn(self._batches.draw(rng, training.config.views, training.config.prompts))
            return
        self._round.append(self._tune(self._tuned[len(self._round)]))
        if len(self._round) == len(self._tuned):
            training.end_round(float(np.mean(self._round)))
            self._round = []
            self._tuned_step = training.step

    @property
    def _is_round_due(self) -> bool:
        step = self._training.step
        return step % self._training.config.round_steps == 0 and step != self._tuned_step

    @torch.inference_mode()
    def _tune(self, found: AcceptedObject) -> float:
        """Mean IoU of the model's own answers to a click and a box, at the logits' size."""
        decoder, mask = self._training.averaged, found.closest.mask
        rng = np.random.default_rng(zlib.crc32(found.name.encode()))
        architecture = self._base.architecture
        packed = [
            pack_prompt(draw_prompt(rng, mask, kind), mask, architecture)
            for kind in _TUNING_PROMPTS
        ]
        points, labels = (torch.stack(list(parts)) for parts in zip(*packed, strict=True))
        device = self._base.device
        image = decoder.prepare(self._embed(found.closest.view).to(device)[None].float())
        answer = decoder.decode(image, points[None].to(device), labels[None].to(device))
        truth = cover_cells(mask, architecture.logits_size).to(device)
        return float(mask_iou(choose_candidates(*answer), truth).mean())

    def _measure(self, predictor: Predictor, done: Sequence[Ious]) -> Ious:
        found = self._measured[len(done)]
        return measure(predictor, found, self._embed(found.closest.view))


def _thin(objects: Sequence[AcceptedObject], limit: int) -> Sequence[AcceptedObject]:
    """At most so many, evenly spread."""
    if len(objects) <= limit:
        return objects
    return [objects[i] for i in np.linspace(0, len(objects) - 1, limit).astype(int)]


def _digest(
    base: Predictor,
    in_use: Predictor,
    objects: Sequence[AcceptedObject],
    config: DecoderTrainingConfig,
) -> bytes:
    """Of everything that the result depends on."""
    digest = hashlib.sha256(f"{base.model_version} {in_use.model_version} {config}".encode())
    for found in objects:
        digest.update(f"{found.name} {found.image}".encode())
        for seen in found.views:
            digest.update(f"{seen.view} {seen.mask.shape}".encode())
            digest.update(np.packbits(seen.mask).tobytes())
    return digest.digest()
