"""A lesson for the image encoder alone: places of one object should look alike to it.

Eight prompted masks a picture say little about the rest of the picture. This side task uses every
object at once: from the embedding, a small head that is thrown away after training makes a vector
for each place, and pairs of places are told whether they belong to the same object.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_VECTOR = 32


class AffinityHead(nn.Module):
    """Unit vectors for the quarters of each embedding cell."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, 4 * _VECTOR, kernel_size=1)
        self.scale = nn.Parameter(torch.tensor(5.0))
        self.bias = nn.Parameter(torch.tensor(-2.0))

    def forward(self, embedding: Tensor, cells: Tensor) -> Tensor:
        """Compare all pairs of the chosen places.

        Args:
            embedding: (B, C, g, g).
            cells: (B, P) numbers of cells on the (2g, 2g) grid.

        Returns:
            (B, P, P) logits of belonging to the same object.
        """
        vectors = F.pixel_shuffle(self.projection(embedding.float()), 2).flatten(2)
        chosen = vectors.gather(2, cells.unsqueeze(1).expand(-1, _VECTOR, -1))  # BxVxP
        chosen = F.normalize(chosen, dim=1)
        return self.scale * (chosen.transpose(1, 2) @ chosen) + self.bias


def affinity_loss(logits: Tensor, owner: Tensor) -> Tensor:
    """Cross entropy of the pairs, like and unlike ones weighing the same.

    Two background places are left out: they may lie on surfaces that have nothing in common.

    Args:
        logits: (B, P, P).
        owner: (B, P) object numbers, 0 for background.
    """
    same = owner[:, :, None] == owner[:, None, :]
    on_object = (owner > 0)[:, :, None] | (owner > 0)[:, None, :]
    alike, unlike = same & on_object, ~same
    return 0.5 * (F.softplus(-logits[alike]).mean() + F.softplus(logits[unlike]).mean())
