"""The yardstick: the same model and weights, computed step by step as the published code does.

Attention is softmax(QKᵀ)V with the whole matrix in memory, everything in the decoder is computed
for every prompt, all four masks are decoded, and three candidates are resized to full size before
one is chosen. The numbers are those of the product; ``tests/bench`` compares them.
"""

import copy
import math
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from core import Predictor
from core.image_encoder import SelfAttention
from core.mask_decoder import MaskDecoder
from core.model import EfficientSAM
from core.two_way_transformer import Attention, TwoWayBlock, TwoWayTransformer

_HEADS = 8


class PlainSelfAttention(SelfAttention):
    """softmax(QKᵀ)V, every step a tensor of its own."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) → (B, N, C)."""
        b, n, c = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        scores = (q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5
        return self.proj((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, c))


def attend(attention: Attention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The decoder's attention, likewise: (L, C), (S, C), (S, C) → (L, C)."""
    q, k, v = (
        project(x).unflatten(1, (_HEADS, -1)).transpose(0, 1)
        for project, x in ((attention.q_proj, q), (attention.k_proj, k), (attention.v_proj, v))
    )
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return attention.out_proj((scores.softmax(dim=-1) @ v).transpose(0, 1).flatten(1))


def transform(
    transformer: TwoWayTransformer, tokens: Tensor, cells: Tensor, cell_position: Tensor
) -> tuple[Tensor, Tensor]:
    """Tokens (T, C) and cells (N, C) with position (N, C) read each other."""
    token_position = tokens
    for number, block in enumerate(cast("Iterable[TwoWayBlock]", transformer.layers)):
        if number:
            tokens = tokens + token_position
        tokens = block.norm1(tokens + attend(block.self_attn, tokens, tokens, tokens))
        q, k = tokens + token_position, cells + cell_position
        tokens = block.norm2(tokens + attend(block.cross_attn_token_to_image, q, k, cells))
        tokens = block.norm3(tokens + block.mlp(tokens))
        q, k = cells + cell_position, tokens + token_position
        cells = block.norm4(cells + attend(block.cross_attn_image_to_token, q, k, tokens))
    q, k = tokens + token_position, cells + cell_position
    attended = attend(transformer.final_attn_token_to_image, q, k, cells)
    return transformer.norm_final_attn(tokens + attended), cells


def decode_masks(
    decoder: MaskDecoder, embedding: Tensor, prompt_tokens: Tensor, cell_position: Tensor
) -> tuple[Tensor, Tensor]:
    """All four masks, upscaled as an image by transposed convolutions.

    Args:
        decoder: whose weights are used.
        embedding: (C, grid, grid).
        prompt_tokens: (6, C).
        cell_position: (N, C).

    Returns:
        Logits (3, L, L) and predicted IoU (3,).
    """
    own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([own, prompt_tokens])
    cells = embedding.flatten(1).transpose(0, 1)
    tokens, cells = transform(decoder.transformer, tokens, cells, cell_position)
    image = cells.transpose(0, 1).reshape(1, *embedding.shape)
    first, second = cast("Sequence[nn.Sequential]", decoder.final_output_upscaling_layers)
    image, norm = first[0](image), cast("nn.GroupNorm", first[1])
    image = F.gelu(F.group_norm(image, 1, norm.weight, norm.bias, norm.eps))
    image = F.gelu(second[0](image))[0]
    kernels = [mlp(tokens[1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)]
    masks = (torch.stack(kernels) @ image.flatten(1)).unflatten(1, image.shape[1:])
    return masks[1:], decoder.iou_prediction_head(tokens[0])[1:]


class PublishedModel:
    """A model as published, on the CPU in float32.

    Args:
        predictor: whose weights it shares.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._model: EfficientSAM = copy.deepcopy(predictor._model)
        for module in self._model.modules():
            if type(module) is SelfAttention:
                module.__class__ = PlainSelfAttention

    @torch.inference_mode()
    def encode(self, image: Tensor) -> Tensor:
        """(1, 3, S, S) in [0, 1] → (1, C, grid, grid)."""
        return self._model.encode(image)

    @torch.inference_mode()
    def decode(self, features: Tensor, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """(C, grid, grid), (6, 2), (6,) → logits (3, L, L) and predicted IoU (3,)."""
        encoder = self._model.prompt_encoder
        tokens = encoder(points, labels)
        return decode_masks(self._model.mask_decoder, features, tokens, encoder.image_positions())


@torch.inference_mode()
def resize_all(logits: Tensor, iou: Tensor, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(3, L, L) and (3,) → the (H, W) mask: all candidates resized, then one chosen."""
    full = F.interpolate(logits[None], size=size_hw, mode="bicubic", align_corners=False)[0]
    order = iou.argsort(descending=True)
    return (full[order] >= 0)[0].numpy()
