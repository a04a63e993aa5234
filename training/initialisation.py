"""A start for the image encoder that already looks around: positions and attention that mimic
those of trained vision transformers (Trockman and Kolter 2023, arXiv 2305.09828).

A transformer that starts from plain noise spends a good part of a short training on finding out
which patches are neighbours. Nothing here changes the architecture, only the first values.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

# Temperature of the sines: on a grid of 32 the longest wave should be about as long as the grid.
_TEMPERATURE = 100.0
_QUERY_KEY = (0.7, 0.7)
_VALUE_PROJECTION = (0.4, -0.4)


def sine_positions(grid: int, width: int) -> Tensor:
    """Sines and cosines of row and column, (grid * grid, width) float32, row by row."""
    quarter = width // 4
    frequency = _TEMPERATURE ** (-torch.arange(quarter) / quarter)
    angle = torch.arange(grid)[:, None] * frequency
    waves = torch.cat([angle.sin(), angle.cos()], dim=1)
    rows = waves[:, None].expand(grid, grid, -1)
    columns = waves[None, :].expand(grid, grid, -1)
    return torch.cat([rows, columns], dim=2).reshape(grid * grid, width)


def _near_identity(width: int, noise: float, identity: float) -> tuple[Tensor, Tensor]:
    """Two (width, width) factors whose product is noise plus a multiple of the identity."""
    target = noise * torch.randn(width, width) / math.sqrt(width) + identity * torch.eye(width)
    left, values, right = torch.linalg.svd(target)
    root = values.sqrt()
    return left * root, root[:, None] * right


@torch.no_grad()
def initialise_encoder(encoder: nn.Module, heads: int) -> None:
    """Set the first values of an image encoder's transformer in place.

    Args:
        encoder: has `pos_embed` (1, grid² or 1 + grid², width) and `blocks` with `attn.qkv` and
            `attn.proj`.
        heads: attention heads of a block.
    """
    position = encoder.get_parameter("pos_embed")
    width = position.shape[2]
    grid = math.isqrt(position.shape[1])
    position[0, -(grid**2) :] = sine_positions(grid, width)
    head = width // heads
    blocks = sum(1 for _ in encoder.get_submodule("blocks").children())
    for block in range(blocks):
        joint = encoder.get_parameter(f"blocks.{block}.attn.qkv.weight")
        for number in range(heads):
            query, key = _near_identity(width, *_QUERY_KEY)
            rows = slice(number * head, (number + 1) * head)
            joint[:width][rows] = query[:, :head].T
            joint[width : 2 * width][rows] = key[:head]
        out, value = _near_identity(width, *_VALUE_PROJECTION)
        joint[2 * width :] = value
        encoder.get_parameter(f"blocks.{block}.attn.proj.weight").copy_(out)
