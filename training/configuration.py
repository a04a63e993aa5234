"""What a training run is told, and the learning rate that follows from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_FALL_SHARE = 1 / 3


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of one run.

    Attributes:
        folder: where the run's state, log and weights go; an existing run there is resumed.
        model: registry name of the architecture.
        minutes: length of the schedule in training time, summed over resumes. A busy machine then
            does fewer steps and still ends at a low learning rate.
        steps: length of the schedule in steps instead; makes a run repeatable to the last bit.
        start_weights: what a new run begins with, such as the weights of an earlier one; None for
            nothing learned.
        start_share: of the start weights in the weights that are written; half-way between two
            that follow from each other is often better than either on pictures of another kind
            (Wortsman et al. 2022, arXiv 2109.01903).
        seed: of the weights and of the stream of scenes.
        scenes: pictures a step.
        objects: prompts a picture; they share one encode.
        makers: processes that make scenes.
        correction_share: of the steps, in which some prompts get a click that corrects the model's
            own answer.
        learning_rate: peak of the schedule.
        warmup_steps: steps of linear rise.
        affinity_weight: of the side task that teaches the encoder alone.
        weight_decay: of the weight matrices.
        gradient_norm: gradients are clipped to it.
        ema_decay: of the running mean of the weights, which is what is shipped.
        save_every_s: seconds between saved states.
        threads: torch threads; 0 tries one and all of them and keeps the faster, or leaves torch's
            own choice when the length is in steps.
        device: torch device to learn on.
        is_bfloat16: whether matrix products and convolutions run in bfloat16, on a CPU those of
            the encoder alone; None for where the device has units for them.
        is_compiled: whether decoder and loss are compiled; it takes minutes and a C++ compiler,
            once a machine, and keeps the number of threads.
    """

    folder: Path
    model: str = "nano"
    minutes: float | None = 90.0
    steps: int | None = None
    start_weights: Path | None = None
    start_share: float = 0.0
    seed: int = 0
    scenes: int = 4
    objects: int = 8
    makers: int = 1
    correction_share: float = 0.4
    learning_rate: float = 1e-3
    warmup_steps: int = 150
    affinity_weight: float = 0.5
    weight_decay: float = 0.02
    gradient_norm: float = 1.0
    ema_decay: float = 0.995
    save_every_s: float = 180.0
    threads: int = 0
    device: str = "cpu"
    is_bfloat16: bool | None = None
    is_compiled: bool = False

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.steps is None):
            raise ValueError(
                f"give the length either in minutes or in steps, "
                f"not minutes={self.minutes} and steps={self.steps}"
            )
        length = self.minutes if self.steps is None else self.steps
        if length is None or length <= 0:
            raise ValueError(f"the length of the run must be positive, it is {length}")
        if self.start_share and not self.start_weights:
            raise ValueError("a share of the start weights needs start weights")

    def progress(self, step: int, trained_s: float) -> float:
        """Share of the schedule done after `step` steps and `trained_s` seconds, 0 to 1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        return min(1.0, trained_s / (60.0 * (self.minutes or 1.0)))

    def learning_rate_at(self, step: int, progress: float) -> float:
        """Linear warm-up, the peak, and in the last third a fall to a hundredth of it.

        A run that is to go on for longer can, from any moment before the fall.
        """
        warmup = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = min(1.0, (1 - progress) / _FALL_SHARE)
        return self.learning_rate * warmup * (0.01 + 0.99 * left)

    def as_record(self) -> dict[str, Any]:
        """The settings as plain values, for the log."""
        paths = {k: str(v) for k, v in asdict(self).items() if isinstance(v, Path)}
        return {**asdict(self), **paths}
