"""The loss: low for the truth, high for noise, and it teaches the best candidate."""

import pytest
import torch
from torch import Tensor

from training.losses import SHARED_WEIGHT, candidate_loss, dice_loss, focal_loss, mask_iou

CLICKS = torch.zeros(1, 2, dtype=torch.bool)
BOXES = ~CLICKS


@pytest.fixture
def truth() -> Tensor:
    mask = torch.zeros(1, 2, 32, 32)
    mask[0, 0, 4:12, 6:20] = 1
    mask[0, 1, 20:24, 20:24] = 1
    return mask


def _as_logits(mask: Tensor) -> Tensor:
    return (mask - 0.5) * 40


def test_a_perfect_answer_costs_almost_nothing_and_noise_costs_a_lot(truth: Tensor) -> None:
    perfect = _as_logits(truth).unsqueeze(2).expand(-1, -1, 3, -1, -1)
    noise = torch.randn(1, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    good = candidate_loss(perfect, torch.ones(1, 2, 3), truth, CLICKS)
    bad = candidate_loss(noise, torch.ones(1, 2, 3), truth, CLICKS)
    assert good.total < 1e-3
    assert bad.total > 1
    assert good.chosen_iou == 1


@pytest.mark.parametrize("loss", [focal_loss, dice_loss])
def test_a_nearer_mask_costs_less(loss: object, truth: Tensor) -> None:
    assert callable(loss)
    near, far = truth.roll(1, -1), truth.roll(9, -1)
    assert (loss(_as_logits(near), truth) < loss(_as_logits(far), truth)).all()


def test_the_gradient_flows_to_the_best_candidate(truth: Tensor) -> None:
    logits = torch.full((1, 2, 3, 32, 32), -1.0)
    logits[:, :, 1] += 1.5 * truth
    logits.requires_grad_()
    candidate_loss(logits, torch.zeros(1, 2, 3), truth, CLICKS).total.backward()
    assert logits.grad is not None
    strength = logits.grad.abs().sum(dim=(0, 1, 3, 4))
    assert strength.argmax() == 1
    assert 0 < strength[0] < 3 * SHARED_WEIGHT * strength[1]


def test_a_box_teaches_all_three_candidates(truth: Tensor) -> None:
    logits = torch.full((1, 2, 3, 32, 32), -1.0)
    logits[:, :, 1] += 1.5 * truth
    logits.requires_grad_()
    candidate_loss(logits, torch.zeros(1, 2, 3), truth, BOXES).total.backward()
    assert logits.grad is not None
    strength = logits.grad.abs().sum(dim=(0, 1, 3, 4))
    assert strength.min() > 2 * SHARED_WEIGHT * strength.max()


def test_the_iou_head_is_taught_the_iou_of_every_candidate(truth: Tensor) -> None:
    logits = _as_logits(truth).unsqueeze(2).repeat(1, 1, 3, 1, 1)
    logits[:, :, 2] = -20
    predicted = torch.full((1, 2, 3), 0.5, requires_grad=True)
    candidate_loss(logits, predicted, truth, CLICKS).total.backward()
    assert predicted.grad is not None
    assert (predicted.grad[..., :2] < 0).all()
    assert (predicted.grad[..., 2] > 0).all()


def test_iou_of_known_masks() -> None:
    truth = torch.zeros(4, 4)
    truth[:2] = 1
    mask = torch.zeros(4, 4)
    mask[1:3] = 1
    assert mask_iou(_as_logits(mask), truth).item() == pytest.approx(4 / 12)
