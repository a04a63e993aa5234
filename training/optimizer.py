"""Muon for what is a matrix, AdamW for the rest.

A matrix learns faster when its steps are orthogonal (Muon, Jordan 2024; scaled as in arXiv
2502.16982, so that one learning rate fits both). A convolution is a matrix of (out, in·h·w).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

_LEAD_OF_FREQUENCIES = 5.0
_LEAST_SIDE = 8
"""What has fewer rows or columns is no matrix worth the name: vectors, tokens, positions."""


class MuonAndAdamW:
    """Two optimizers that are stepped, saved and restored as one."""

    def __init__(
        self,
        learners: nn.Module,
        frequencies: Sequence[Tensor],
        weight_decay: float,
    ) -> None:
        """Share the parameters of `learners` out.

        Args:
            learners: whose parameters learn.
            frequencies: of the position features, of these or beside them; they take longer steps.
            weight_decay: of the matrices; nothing else is decayed.
        """
        apart = {id(parameter) for parameter in frequencies}
        matrices = [p for p in learners.parameters() if is_matrix(p) and id(p) not in apart]
        apart |= {id(parameter) for parameter in matrices}
        others = [p for p in learners.parameters() if id(p) not in apart]
        # Muon takes matrices alone: these are the same numbers, seen as such.
        self._flat = [(p, nn.Parameter(p.data.view(len(p), -1))) for p in matrices]
        self._muon = torch.optim.Muon(
            [flat for _, flat in self._flat],
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        groups: list[dict[str, Any]] = [
            {"params": others},
            {"params": list(frequencies), "lr_scale": _LEAD_OF_FREQUENCIES},
        ]
        self._adamw = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter, flat in self._flat:
            parameter.grad = flat.grad = None
        self._adamw.zero_grad(set_to_none=True)

    def step(self, learning_rate: float) -> None:
        """One update of every parameter that has a gradient."""
        for parameter, flat in self._flat:
            flat.grad = None if parameter.grad is None else parameter.grad.reshape(flat.shape)
        both: tuple[torch.optim.Optimizer, ...] = (self._muon, self._adamw)
        for optimizer in both:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * group.get("lr_scale", 1.0)
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """What ``load_state_dict`` takes."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as the optimizer that gave `state` would have.

        Raises:
            KeyError: it is of another kind.
        """
        self._muon.load_state_dict(state["muon"])
        self._adamw.load_state_dict(state["adamw"])


def is_matrix(parameter: Tensor) -> bool:
    """Whether a weight maps many channels to many: of a linear layer or a convolution."""
    return (
        parameter.ndim in (2, 4)
        and parameter.shape[0] >= _LEAST_SIDE
        and parameter[0].numel() >= _LEAST_SIDE
    )
