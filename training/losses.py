"""The training loss: focal and dice on the best of three candidates, and the IoU head.

A click is ambiguous, so the model gives three answers and only the one nearest to the truth is
taught the mask (SAM, arXiv 2304.02643). All three are taught to foresee their own IoU, which is
what picks the answer later.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

FOCAL_WEIGHT = 20.0
DICE_WEIGHT = 1.0
IOU_WEIGHT = 3.0
# A little of the loss goes to every candidate: one that never wins would otherwise never learn.
# A box leaves little doubt about the object, so there all three should give it.
SHARED_WEIGHT = 0.05
SHARED_WEIGHT_OF_BOX = 0.5


@dataclass(frozen=True)
class LossTerms:
    """The scalar to minimise and what it is made of, all 0-dimensional tensors."""

    total: Tensor
    mask: Tensor
    iou: Tensor
    chosen_iou: Tensor


def focal_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross entropy weighted by the squared error, so that easy pixels count little.

    Args:
        logits: (..., H, W).
        truth: broadcastable to `logits`, in [0, 1]; shares of coverage are allowed.

    Returns:
        (...) mean over the pixels.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, truth.expand_as(logits), reduction="none")
    error = (logits.sigmoid() - truth).abs()
    return (entropy * error.square()).mean(dim=(-2, -1))


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """One minus the soft Dice overlap, which weighs a small object as much as a large one.

    Args:
        logits: (..., H, W).
        truth: broadcastable to `logits`, in [0, 1].

    Returns:
        (...), 0 when the masks agree.
    """
    mask = logits.sigmoid()
    overlap = (mask * truth).sum(dim=(-2, -1))
    total = mask.square().sum(dim=(-2, -1)) + truth.square().sum(dim=(-2, -1))
    return 1 - (2 * overlap + 1) / (total + 1)


@torch.no_grad()
def mask_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """IoU of the thresholded masks, (..., H, W) and broadcastable → (...)."""
    mask, wanted = logits >= 0, truth >= 0.5
    overlap = (mask & wanted).sum(dim=(-2, -1)).float()
    union = (mask | wanted).sum(dim=(-2, -1)).float()
    return overlap / union.clamp(min=1)


def candidate_loss(
    logits: Tensor, predicted_iou: Tensor, truth: Tensor, has_box: Tensor
) -> LossTerms:
    """Compare the candidates with the truth.

    Args:
        logits: (B, Q, 3, T, T).
        predicted_iou: (B, Q, 3).
        truth: (B, Q, T, T) in [0, 1].
        has_box: (B, Q) bool.

    Returns:
        The loss, averaged over the prompts; `chosen_iou` is the mean IoU of the candidates that
        the predicted IoU picks.
    """
    logits, predicted_iou = logits.float(), predicted_iou.float()
    wanted = truth.unsqueeze(2)
    each = FOCAL_WEIGHT * focal_loss(logits, wanted) + DICE_WEIGHT * dice_loss(logits, wanted)
    shared = torch.where(has_box, SHARED_WEIGHT_OF_BOX, SHARED_WEIGHT)
    mask = ((1 - shared) * each.min(dim=2).values + shared * each.mean(dim=2)).mean()
    actual_iou = mask_iou(logits, wanted)
    iou = F.mse_loss(predicted_iou, actual_iou)
    picked = predicted_iou.argmax(dim=2, keepdim=True)
    chosen_iou = actual_iou.gather(2, picked).mean()
    return LossTerms(mask + IOU_WEIGHT * iou, mask.detach(), iou.detach(), chosen_iou)
