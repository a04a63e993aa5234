"""The prompt encoder: points and box corners as tokens."""

import math
from enum import IntEnum

import torch
from torch import Tensor, nn

from .registry import Architecture

SLOTS = 6
"""Tokens of a prompt: the published models were trained with exactly six, padded."""

PADDING_XY = -1.0
"""Both coordinates of an unused slot."""


class SlotLabel(IntEnum):
    """What a slot holds. The published models have no vector for a point outside."""

    PADDING = -1
    NEGATIVE_POINT = 0
    POINT = 1
    BOX_TOP_LEFT = 2
    BOX_BOTTOM_RIGHT = 3


class FourierFeatures(nn.Module):
    """Random Fourier features of a position (Tancik et al., 2020)."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, channels // 2))

    def forward(self, position: Tensor) -> Tensor:
        """(..., 2) positions in [0, 1] as (x, y) → (..., C)."""
        angle = 2 * math.pi * ((2 * position - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class PromptEncoder(nn.Module):
    """Turn the six slots of a prompt into six tokens."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels = architecture.embedding_channels
        self.image_size = architecture.image_size
        self.grid = architecture.grid
        self.pe_layer = FourierFeatures(channels)
        self.invalid_points = nn.Embedding(1, channels)
        self.point_embeddings = nn.Embedding(1, channels)
        self.bbox_top_left_embeddings = nn.Embedding(1, channels)
        self.bbox_bottom_right_embeddings = nn.Embedding(1, channels)
        if architecture.has_negative_points:
            self.negative_point_embeddings = nn.Embedding(1, channels)

    def forward(self, points: Tensor, labels: Tensor) -> Tensor:
        """Encode prompts.

        Args:
            points: (..., 6, 2) model-input pixels, (x, y).
            labels: (..., 6) integers of ``SlotLabel``.

        Returns:
            (..., 6, C) tokens.
        """
        tokens: Tensor = self.pe_layer((points + 0.5) / self.image_size)
        for label, embedding in self._find_embeddings():
            tokens = tokens + embedding.weight[0] * (labels == label).unsqueeze(-1)
        return tokens

    def _find_embeddings(self) -> list[tuple[SlotLabel, nn.Embedding]]:
        embeddings = [
            (SlotLabel.PADDING, self.invalid_points),
            (SlotLabel.POINT, self.point_embeddings),
            (SlotLabel.BOX_TOP_LEFT, self.bbox_top_left_embeddings),
            (SlotLabel.BOX_BOTTOM_RIGHT, self.bbox_bottom_right_embeddings),
        ]
        if hasattr(self, "negative_point_embeddings"):
            embeddings.append((SlotLabel.NEGATIVE_POINT, self.negative_point_embeddings))
        return embeddings

    def image_positions(self) -> Tensor:
        """(N, C) features of the embedding's cell centres, row by row."""
        centre = (torch.arange(self.grid, device=self.invalid_points.weight.device) + 0.5) / (
            self.grid
        )
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        features: Tensor = self.pe_layer(torch.stack([x, y], dim=-1).flatten(0, 1))
        return features
