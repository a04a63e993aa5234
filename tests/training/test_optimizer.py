"""Two optimizers as one: who learns by which, and going on where one stopped."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.optimizer import MuonAndAdamW, is_matrix


class _Learners(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(12, 16)
        self.convolution = nn.Conv2d(3, 8, kernel_size=3)
        self.token = nn.Embedding(1, 16)
        self.register_buffer("frequencies", torch.randn(2, 8))

    def loss(self) -> Tensor:
        picture = torch.linspace(-1, 1, 3 * 25).view(1, 3, 5, 5)
        vectors = torch.eye(12) * torch.linspace(0.1, 1, 12)
        vector = self.linear(vectors) * self.token.weight[0]
        waves = torch.sin(self.get_buffer("frequencies")).sum()
        return vector.square().sum() + self.convolution(picture).square().mean() + waves


def _make() -> tuple[_Learners, MuonAndAdamW]:
    learners = _Learners()
    frequencies = learners.get_buffer("frequencies").requires_grad_()
    return learners, MuonAndAdamW(learners, [frequencies], weight_decay=0.02)


def _advance(learners: _Learners, optimizer: MuonAndAdamW, steps: int) -> dict[str, Any]:
    for _ in range(steps):
        optimizer.zero_grad()
        learners.loss().backward()
        optimizer.step(1e-2)
    return {name: value.detach().clone() for name, value in learners.state_dict().items()}


def test_weights_of_linear_layers_and_convolutions_are_matrices() -> None:
    learners = _Learners()
    assert {name for name, p in learners.named_parameters() if is_matrix(p)} == {
        "linear.weight",
        "convolution.weight",
    }


def test_every_parameter_learns_once_a_step() -> None:
    learners, optimizer = _make()
    before = {name: value.detach().clone() for name, value in learners.state_dict().items()}
    loss = learners.loss().item()
    after = _advance(learners, optimizer, 1)
    for name, value in before.items():
        assert not torch.equal(value, after[name]), name
    assert learners.loss().item() < loss


def test_a_matrix_moves_alike_in_all_directions_however_steep_they_are() -> None:
    learners, optimizer = _make()
    optimizer.zero_grad()
    learners.loss().backward()
    slopes = torch.linalg.svdvals(learners.linear.weight.grad)
    before = learners.linear.weight.detach().clone()
    optimizer.step(1e-2)
    moved = learners.linear.weight.detach() - before
    steps = torch.linalg.svdvals(moved)
    assert steps[0] / steps[-1] < 0.2 * slopes[0] / slopes[-1]
    assert moved.square().mean().sqrt() == pytest.approx(0.2 * 1e-2, rel=0.3), "as AdamW's"


def test_a_restored_one_goes_on_exactly() -> None:
    straight = _advance(*_make(), steps=4)
    learners, optimizer = _make()
    _advance(learners, optimizer, 2)
    again, restored = _make()
    again.load_state_dict(learners.state_dict())
    restored.load_state_dict(optimizer.state_dict())
    for name, value in _advance(again, restored, 2).items():
        assert torch.equal(value, straight[name]), name
