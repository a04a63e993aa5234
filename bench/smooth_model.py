"""Weights of any size of model whose masks are smooth shapes, as those of trained weights are.

Plain random weights draw speckle, which takes longer to resize, clean and write than any object.
Here the image hardly counts, the position features of the encoder are slow waves, and upscaling
treats the quarters of a cell alike: whatever a random network makes of that is smooth.
"""

import math
from pathlib import Path

import torch
from torch import Tensor

from core import MODELS, build_model, find_checkpoint, save_checkpoint

_IMAGE_GAIN = 0.02
_WAVES = 3
_SEED = 2


def make_smooth_weights(folder: Path, name: str) -> Path:
    """A checkpoint: the one that ships, or else a random one whose masks are smooth."""
    if MODELS[name].url is None:
        return find_checkpoint(name).path
    path = folder / f"smooth_{name}.safetensors"
    torch.manual_seed(_SEED)
    model = build_model(MODELS[name].architecture)
    encoder = model.image_encoder  # a plain one, as published
    with torch.no_grad():
        encoder.patch_embed.proj.weight.mul_(_IMAGE_GAIN)
        encoder.pos_embed[0, 1:] = _make_waves(encoder.pretrain_grid, encoder.pos_embed.shape[2])
        for stage in model.mask_decoder.final_output_upscaling_layers:
            kernel = stage[0].weight  # the four quarters of a cell are alike
            kernel.copy_(kernel.mean(dim=(2, 3), keepdim=True).mul(2).expand_as(kernel))
    save_checkpoint(model, path)
    return path


def _make_waves(grid: int, channels: int) -> Tensor:
    """(grid², channels) of sines across the image, at most three waves each way."""
    axis = (torch.arange(grid) + 0.5) / grid
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    across, down = (torch.rand(2, channels) * 2 - 1) * _WAVES
    phase = torch.rand(channels)
    angle = x.flatten()[:, None] * across + y.flatten()[:, None] * down + phase
    return (2 * math.pi * angle).sin()
