"""The yardstick: the same model and weights, computed step by step as the published code does.

The steps, their order and the layouts they leave behind are those of yformer/EfficientSAM:
attention is softmax(QKᵀ)V with the whole matrix in memory, a channel norm is five passes, embedding
and position are tiled for every prompt, all six slots and four masks are decoded, and three
candidates are resized to full size and sorted before one is taken. Beside that code itself, on the
same machine, this takes as long. The numbers are those of the product; ``tests/bench`` compares
them.
"""

import copy
from collections.abc import Iterable
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from core import Predictor
from core.image_encoder import ChannelLayerNorm, SelfAttention
from core.mask_decoder import MaskDecoder
from core.model import EfficientSAM
from core.two_way_transformer import Attention, TwoWayBlock, TwoWayTransformer

_HEADS = 8
_NORM_EPS = 1e-6


class PlainSelfAttention(SelfAttention):
    """softmax(QKᵀ)V, every step a tensor of its own."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) → (B, N, C)."""
        b, n, c = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        scores = (q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5
        return self.proj((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, c))


class PlainChannelLayerNorm(ChannelLayerNorm):
    """Mean and variance by the book, channels second."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + _NORM_EPS)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


_PLAIN: dict[type[nn.Module], type[nn.Module]] = {
    SelfAttention: PlainSelfAttention,
    ChannelLayerNorm: PlainChannelLayerNorm,
}


def attend(attention: Attention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The decoder's attention, likewise: (B, L, C), (B, S, C), (B, S, C) → (B, L, C)."""
    q, k, v = (
        _split(project(x))
        for project, x in ((attention.q_proj, q), (attention.k_proj, k), (attention.v_proj, v))
    )
    scores = (q @ k.transpose(2, 3)) * q.shape[-1] ** -0.5
    seen = (scores.softmax(dim=-1) @ v).transpose(1, 2)
    return attention.out_proj(seen.reshape(*seen.shape[:2], -1))


def _split(x: Tensor) -> Tensor:
    return x.reshape(*x.shape[:2], _HEADS, -1).transpose(1, 2)  # BxLx(H*D) -> BxHxLxD


def transform(
    transformer: TwoWayTransformer, tokens: Tensor, embedding: Tensor, position: Tensor
) -> tuple[Tensor, Tensor]:
    """Tokens (B, T, C) and an image (B, C, grid, grid) with position read each other.

    Returns:
        Tokens (B, T, C) and cells (B, N, C).
    """
    cells, cell_position = (x.flatten(2).transpose(1, 2) for x in (embedding, position))
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
    decoder: MaskDecoder, embedding: Tensor, prompt_tokens: Tensor, position: Tensor
) -> tuple[Tensor, Tensor]:
    """All four masks, upscaled as an image by transposed convolutions.

    Args:
        decoder: whose weights are used.
        embedding: (1, C, grid, grid).
        prompt_tokens: (Q, 6, C).
        position: (1, C, grid, grid).

    Returns:
        Logits (Q, 3, L, L) and predicted IoU (Q, 3).
    """
    prompts = len(prompt_tokens)
    own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([own.expand(prompts, -1, -1), prompt_tokens], dim=1)
    tiled = embedding.tile(prompts, 1, 1, 1)
    tokens, cells = transform(
        decoder.transformer, tokens, tiled, position.repeat_interleave(prompts, dim=0)
    )
    image = cells.transpose(1, 2).view(tiled.shape)
    for stage in cast("Iterable[nn.Sequential]", decoder.final_output_upscaling_layers):
        image = _upscale(stage, image)
    kernels = [mlp(tokens[:, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)]
    masks = (torch.stack(kernels, dim=1) @ image.flatten(2)).unflatten(2, image.shape[2:])
    return masks[:, 1:], decoder.iou_prediction_head(tokens[:, 0])[:, 1:]


def _upscale(stage: nn.Sequential, image: Tensor) -> Tensor:
    """(Q, C, H, W) → (Q, C', 2H, 2W)."""
    image = stage[0](image)
    for norm in stage[1:]:
        norm = cast("nn.GroupNorm", norm)
        image = F.group_norm(image, 1, norm.weight, norm.bias, norm.eps)
    return F.gelu(image)


class PublishedModel:
    """A model as published, on the CPU in float32.

    Args:
        predictor: whose weights it shares.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._model: EfficientSAM = copy.deepcopy(predictor._model)
        for module in self._model.modules():
            module.__class__ = _PLAIN.get(type(module), type(module))

    @torch.inference_mode()
    def encode(self, image: Tensor) -> Tensor:
        """(1, 3, S, S) in [0, 1] → (1, C, grid, grid)."""
        return self._model.encode(image)

    @torch.inference_mode()
    def decode(self, features: Tensor, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """(C, grid, grid), (Q, 6, 2), (Q, 6) → logits (Q, 3, L, L) and predicted IoU (Q, 3)."""
        encoder = self._model.prompt_encoder
        tokens = encoder(points, labels)
        position = encoder.image_positions().T.unflatten(1, features.shape[1:])[None]
        return decode_masks(self._model.mask_decoder, features[None], tokens, position)


@torch.inference_mode()
def resize_all(logits: Tensor, iou: Tensor, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(1, 3, L, L) and (1, 3) → the (H, W) mask: all resized, then sorted, then the first."""
    full = F.interpolate(logits, size=size_hw, mode="bicubic", align_corners=False)
    order = iou.argsort(dim=1, descending=True)
    best = full.take_along_dim(order[:, :, None, None], dim=1)[0, 0]
    return (best >= 0).numpy()
