"""The mask decoder: three candidate masks and their predicted IoU from an embedding and tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .pyramid_encoder import unpack_details
from .registry import Architecture
from .two_way_transformer import ImageCells, TokenFeedForward, TwoWayTransformer

CANDIDATES = 3
"""Masks of the answer. Token 0 of the saved four is for single-mask use and is not decoded."""

_HALVES_AT_ONCE = 4096


class WholeNorm(nn.GroupNorm):
    """GroupNorm of one group, channels last: (B, P, C) is normalised over P and C together."""

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, P, C) → (B, P, C), in two passes that all threads share, where a norm takes one."""
        size = x.shape[1] * x.shape[2]
        mean = x.mean(dim=(1, 2), dtype=torch.float32)
        norm = torch.linalg.vector_norm(x, dim=(1, 2), dtype=torch.float32)
        variance = (norm.square() / size - mean.square()).clamp(min=0)
        scale = (variance + self.eps).rsqrt()[:, None] * self.weight  # BxC
        shift = self.bias - mean[:, None] * scale
        return torch.addcmul(shift[:, None].to(x.dtype), x, scale[:, None].to(x.dtype))


@dataclass(frozen=True)
class PreparedImage:
    """What decoding needs of B images, whatever the prompt.

    Attributes:
        cells: what the transformer reads.
        first_details: (B, 1, 4·N, C/4), added in the first upscaling; None where the encoder sees
            none.
        second_details: (B, 1, 16·N, C/8), added in the second.
    """

    cells: ImageCells
    first_details: Tensor | None
    second_details: Tensor | None


class MaskDecoder(nn.Module):
    """Predict the candidate masks of each prompt."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.embedding_channels
        self.grid = architecture.grid
        self.transformer = TwoWayTransformer(width, architecture.decoder_mlp_width)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(CANDIDATES + 1, width)
        self.final_output_upscaling_layers = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(a, b, kernel_size=2, stride=2), *([WholeNorm(b)] * norm),
                nn.GELU(),
            )
            for a, b, norm in ((width, width // 4, 1), (width // 4, width // 8, 0))
        )  # fmt: skip
        self.output_hypernetworks_mlps = nn.ModuleList(
            TokenFeedForward(width, width, width // 8, hidden_layers=2)
            for _ in range(CANDIDATES + 1)
        )
        self.iou_prediction_head = TokenFeedForward(width, width, CANDIDATES + 1, hidden_layers=2)

    def prepare(self, embedding: Tensor, cell_position: Tensor) -> PreparedImage:
        """Compute once what all prompts on an image share.

        Args:
            embedding: (B, *embedding_shape).
            cell_position: (N, C) position features of the cells.
        """
        width = self.iou_token.embedding_dim
        cells, packed = embedding[:, :width], embedding[:, width:]
        cells = cells.flatten(2).transpose(1, 2).unsqueeze(1).contiguous()  # Bx1xNxC
        details = unpack_details(packed, width) if packed.shape[1] else (None, None)
        return PreparedImage(self.transformer.prepare(cells, cell_position), *details)

    def forward(
        self, image: PreparedImage, prompt_tokens: Tensor, repeats: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Decode Q prompts on each of B images in one pass.

        Args:
            image: what ``prepare`` made.
            prompt_tokens: (B, Q, S, C) of S slots.
            repeats: how many equal slots the last of them stands for.

        Returns:
            Logits (B, Q, 3, 4·grid, 4·grid) and predicted IoU (B, Q, 3).
        """
        b, prompts = prompt_tokens.shape[:2]
        # What answers comes first; the token of the mask that is not decoded is read by the others.
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight.roll(-1, dims=0)])
        tokens = torch.cat([own.expand(b, prompts, -1, -1), prompt_tokens], dim=2)
        tokens, cells = self.transformer(tokens, image.cells, repeats, answering=1 + CANDIDATES)
        kernels = torch.stack(
            [self.output_hypernetworks_mlps[i](tokens[:, :, i]) for i in range(1, CANDIDATES + 1)],
            dim=2,
        ).flatten(0, 1)  # (B*Q)x3xC/8
        first, second = cast("Iterable[nn.Sequential]", self.final_output_upscaling_layers)
        halves = _upscale(first, cells.flatten(0, 1), image.first_details)  # (B*Q)x4NxC/4
        # In parts that fit into a processor's cache: the pixels are by far the largest tensor.
        quarters = torch.cat(
            [
                kernels @ _upscale(second, part, details).transpose(1, 2)
                for part, details in zip(
                    halves.split(_HALVES_AT_ONCE, dim=1),
                    _split_details(image.second_details, 4 * _HALVES_AT_ONCE),
                    strict=False,
                )
            ],
            dim=2,
        )
        logits = self._to_rows(quarters).unflatten(0, (b, prompts))
        iou = self.iou_prediction_head(tokens[:, :, 0])
        return logits, iou[..., 1:]

    def _to_rows(self, quarters: Tensor) -> Tensor:
        """(B*Q, 3, 16·N) in the order of ``_upscale``, twice → (B*Q, 3, 4·grid, 4·grid)."""
        nested = quarters.unflatten(2, (self.grid, self.grid, 2, 2, 2, 2))
        return nested.permute(0, 1, 2, 4, 6, 3, 5, 7).flatten(5, 7).flatten(2, 4)


def _split_details(details: Tensor | None, size: int) -> Iterable[Tensor | None]:
    return repeat(None) if details is None else details.split(size, dim=2)


def _upscale(stage: nn.Sequential, pixels: Tensor, details: Tensor | None) -> Tensor:
    """(B*Q, P, C) → (B*Q, 4·P, C'): each pixel's four quarters, one after the other.

    Details (B, 1, 4·P, C') are what the image has to say to each prompt's pixels.

    A transposed convolution whose stride is its kernel is a matrix product a pixel, and what
    follows it works on channels: no pixel moves before ``_to_rows``.
    """
    convolution = cast("nn.ConvTranspose2d", stage[0])
    bias = cast("Tensor", convolution.bias)
    weight = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)  # CxC'x2x2 -> 4C'xC
    pixels = F.linear(pixels, weight, bias.repeat(4))
    pixels = pixels.unflatten(2, (4, -1)).flatten(1, 2)  # ...xPx4C' -> ...x4PxC'
    if details is not None:
        pixels = (pixels.unflatten(0, (len(details), -1)) + details).flatten(0, 1)
    upscaled: Tensor = stage[1:](pixels)
    return upscaled
