"""The yardstick: the same model and weights, computed step by step as the published code does.

Attention is softmax(QKᵀ)V with the whole matrix in memory, everything in the decoder is computed
for every prompt, all four masks are decoded, and three candidates are resized to full size before
one is chosen. The numbers are those of the product; ``tests/bench`` compares them.
"""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from core import Predictor
from core.image_encoder import SelfAttention
from core.mask_decoder import MaskDecoder
from core.model import EfficientSAM
from core.two_way_transformer import Attention


class PlainSelfAttention(SelfAttention):
    """softmax(QKᵀ)V, every step a tensor of its own."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) → (B, N, C)."""
        b, n, c = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        return self.proj((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, c))


class PlainAttention(Attention):
    """The decoder's attention, likewise."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, Q, L, C), (B, Q, S, C), (B, Q, S, C) → (B, Q, L, C)."""
        q, k, v = (
            self._split(self.q_proj(q)),
            self._split(self.k_proj(k)),
            self._split(self.v_proj(v)),
        )
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        return self.out_proj((scores.softmax(dim=-1) @ v).transpose(2, 3).flatten(3))


class PlainMaskDecoder(MaskDecoder):
    """All four masks, upscaled as an image by transposed convolutions."""

    def forward(
        self, embedding: Tensor, prompt_tokens: Tensor, cell_position: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One image and one prompt: (1, C, grid, grid), (1, 1, 6, C), (N, C)."""
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own[None, None], prompt_tokens], dim=2)
        cells = embedding.flatten(2).transpose(1, 2)[:, None]
        tokens, cells = self.transformer(tokens, cells, cell_position)
        image = cells[:, 0].transpose(1, 2).unflatten(2, (self.grid, self.grid))
        first, second = self.final_output_upscaling_layers
        image = first[0](image)
        image = F.gelu(F.group_norm(image, 1, first[1].weight, first[1].bias, first[1].eps))
        image = F.gelu(second[0](image))
        kernels = torch.stack(
            [mlp(tokens[:, 0, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], 1
        )
        masks = (kernels @ image.flatten(2)).unflatten(2, image.shape[2:])
        iou = self.iou_prediction_head(tokens[:, :, 0])
        return masks[:, None, 1:], iou[..., 1:]


class PublishedModel:
    """A model as published, on the CPU in float32.

    Args:
        predictor: whose weights it shares.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._model: EfficientSAM = copy.deepcopy(predictor._model)
        for module in self._model.modules():
            for plain in (PlainSelfAttention, PlainAttention, PlainMaskDecoder):
                if type(module) is plain.__base__:
                    module.__class__ = plain
        self._size = predictor.architecture.image_size

    @torch.inference_mode()
    def encode(self, image: Tensor) -> Tensor:
        """(1, 3, S, S) in [0, 1] → (1, C, grid, grid)."""
        return self._model.encode(image)

    @torch.inference_mode()
    def decode(self, embedding: Tensor, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """(1, C, grid, grid), (1, 1, 6, 2), (1, 1, 6) → logits (1, 1, 3, L, L), IoU (1, 1, 3)."""
        return self._model.decode(embedding, points, labels)


@torch.inference_mode()
def resize_all(logits: Tensor, iou: Tensor, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(3, L, L) and (3,) → the (H, W) mask: all candidates resized, then one chosen."""
    full = F.interpolate(logits[None], size=size_hw, mode="bicubic", align_corners=False)[0]
    order = iou.argsort(descending=True)
    return (full[order] >= 0)[0].numpy()
