"""The mask decoder: three candidate masks and their predicted IoU from an embedding and tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .pyramid_encoder import lay_out, unpack_details
from .registry import Architecture
from .two_way_transformer import ImageCells, TokenFeedForward, TwoWayTransformer

CANDIDATES = 3
"""Masks of the answer. Token 0 of the saved four is for single-mask use and is not decoded."""

_HALVES_AT_ONCE = 4096


class WholeNorm(nn.GroupNorm):
    """GroupNorm of one group, channels last: (B, P, C) is normalised over P and C together."""

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)

    def find_affine(self, x: Tensor, added: Tensor) -> tuple[Tensor, Tensor]:
        """What the norm of x + added does to x; their sum is not made.

        Args:
            x: (B, P, C).
            added: (C,), the same for every pixel.

        Returns:
            Scale and shift (B, 1, C): the norm is x · scale + shift.
        """
        pixels, channels = x.shape[1:]
        added = added.float()
        sums = x.sum(dim=1, dtype=torch.float32)  # BxC
        norm = torch.linalg.vector_norm(x, dim=(1, 2), dtype=torch.float32)  # B
        mean = (sums / pixels + added).mean(dim=1, keepdim=True)
        crossed = ((2 * sums / pixels + added) * added).mean(dim=1)
        variance = (norm.square() / (pixels * channels) + crossed)[:, None] - mean.square()
        scale = (variance.clamp(min=0) + self.eps).rsqrt() * self.weight
        shift = self.bias + (added - mean) * scale
        return scale[:, None].to(x.dtype), shift[:, None].to(x.dtype)


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

    row_order: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.embedding_channels
        self.grid = architecture.grid
        self.transformer = TwoWayTransformer(width, architecture.decoder_mlp_width)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(CANDIDATES + 1, width)
        self.final_output_upscaling_layers = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(a, b, kernel_size=2, stride=2), *([WholeNorm(b)] * norm)
            )
            for a, b, norm in ((width, width // 4, 1), (width // 4, width // 8, 0))
        )  # fmt: skip
        self.output_hypernetworks_mlps = nn.ModuleList(
            TokenFeedForward(width, width, width // 8, hidden_layers=2)
            for _ in range(CANDIDATES + 1)
        )
        self.iou_prediction_head = TokenFeedForward(width, width, CANDIDATES + 1, hidden_layers=2)
        self.register_buffer("row_order", _find_row_order(self.grid), persistent=False)

    def prepare(self, embedding: Tensor, cell_position: Tensor) -> PreparedImage:
        """Compute once what all prompts on an image share.

        Args:
            embedding: (B, *embedding_shape) floats.
            cell_position: (N, C) position features of the cells.
        """
        width, dtype = self.iou_token.embedding_dim, self.iou_token.weight.dtype
        cells, packed = embedding[:, :width], embedding[:, width:]
        cells = lay_out(cells.flatten(2).transpose(1, 2).unsqueeze(1), dtype)  # Bx1xNxC
        details = unpack_details(packed, width, dtype) if packed.shape[1] else (None, None)
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
        quarters = self._upscale(cells.flatten(0, 1), image, kernels)
        in_rows = quarters.gather(2, self.row_order.expand_as(quarters))
        logits = in_rows.unflatten(2, (4 * self.grid, -1))
        iou = self.iou_prediction_head(tokens[:, :, 0])
        return logits.unflatten(0, (b, prompts)), iou[..., 1:]

    def _upscale(self, cells: Tensor, image: PreparedImage, kernels: Tensor) -> Tensor:
        """Cells (B*Q, N, C) twice split in four, and kernels (B*Q, 3, C/8) → (B*Q, 3, 16·N).

        A transposed convolution whose stride is its kernel is a matrix product a pixel, and what
        follows it works on channels: each pixel's four quarters stay one after the other.
        """
        first, second = cast("Iterable[nn.Sequential]", self.final_output_upscaling_layers)
        weight, bias = _to_linear(first[0])
        halves = _split_pixels(F.linear(cells, weight), image.first_details)  # (B*Q)x4NxC/4
        scale, shift = cast("WholeNorm", first[1]).find_affine(halves, bias)
        weight, bias = _to_linear(second[0])
        quarters = []
        # In parts that fit into a processor's cache: the pixels are by far the largest tensor.
        for part, details in zip(
            halves.split(_HALVES_AT_ONCE, dim=1),
            _split_details(image.second_details, 4 * _HALVES_AT_ONCE),
            strict=False,
        ):
            normed = F.gelu(torch.addcmul(shift, part, scale))
            split = _split_pixels(F.linear(normed, weight, bias.repeat(4)), details)
            quarters.append(kernels @ F.gelu(split).transpose(1, 2))
        return torch.cat(quarters, dim=2)


def _find_row_order(grid: int) -> Tensor:
    """(16·grid²,) where each pixel of the rows is among quarters of quarters of cells."""
    nested = torch.arange(16 * grid**2).view(grid, grid, 2, 2, 2, 2)
    return nested.permute(0, 2, 4, 1, 3, 5).flatten()


def _to_linear(convolution: nn.Module) -> tuple[Tensor, Tensor]:
    """A transposed convolution as a product: weight (4·C', C), and bias (C',) of each quarter."""
    convolution = cast("nn.ConvTranspose2d", convolution)
    weight = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)  # CxC'x2x2 -> 4C'xC
    return weight, cast("Tensor", convolution.bias)


def _split_pixels(pixels: Tensor, details: Tensor | None) -> Tensor:
    """(B*Q, P, 4·C') → (B*Q, 4·P, C'), with details (B, 1, 4·P, C') added."""
    split = pixels.unflatten(2, (4, -1)).flatten(1, 2)
    if details is None:
        return split
    return (split.unflatten(0, (len(details), -1)) + details).flatten(0, 1)


def _split_details(details: Tensor | None, size: int) -> Iterable[Tensor | None]:
    return repeat(None) if details is None else details.split(size, dim=2)
