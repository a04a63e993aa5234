"""The image encoder of small models: convolutions see edges, a transformer sees the whole.

A plain ViT has to learn from the images alone that neighbouring pixels belong together, which takes
millions of them. Convolutions know it from the start (Xiao et al. 2021, arXiv 2106.14881), and what
they see at fine strides goes to the mask decoder's upscaling, as in SAM 2 (arXiv 2408.00714), so
that a mask's edge is as sharp as the image.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .image_encoder import Block, ChannelLayerNorm
from .registry import Architecture, PyramidEncoder


class ConvolutionBlock(nn.Module):
    """Two 3×3 convolutions around a GELU, added to what comes in; pre-norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelLayerNorm(channels)
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        return x + self.conv2(F.gelu(self.conv1(self.norm(x))))


def _halve(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=2, padding=1)


class PyramidImageEncoder(nn.Module):
    """Turn a normalised image into its embedding with details."""

    def __init__(self, architecture: Architecture, encoder: PyramidEncoder) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = encoder.widths
        out = architecture.embedding_channels
        self.stem = nn.Sequential(_halve(3, half), nn.GELU(), ConvolutionBlock(half))
        self.to_quarter = _stage(half, quarter, encoder.blocks[0])
        self.to_eighth = _stage(quarter, eighth, encoder.blocks[1])
        self.to_sixteenth = nn.Sequential(ChannelLayerNorm(eighth), _halve(eighth, sixteenth))
        self.pos_embed = nn.Parameter(torch.zeros(1, (architecture.grid // 2) ** 2, sixteenth))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.blocks = nn.ModuleList(Block(sixteenth, encoder.heads) for _ in range(encoder.depth))
        self.top = nn.Sequential(ChannelLayerNorm(sixteenth), nn.Conv2d(sixteenth, out, 1))
        self.lateral = nn.Conv2d(eighth, out, kernel_size=1)
        self.neck = nn.Sequential(
            ChannelLayerNorm(out),
            nn.Conv2d(out, out, kernel_size=3, padding=1, bias=False),
            ChannelLayerNorm(out),
        )
        self.quarter_details = nn.Conv2d(quarter, out // 4, kernel_size=1)
        self.half_details = nn.Conv2d(half, out // 8, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Encode a batch.

        Args:
            image: (B, 3, S, S) floats, ImageNet-normalised.

        Returns:
            (B, 4·C, grid, grid) embedding: C channels of cells, and details packed by
            ``pack_details``.
        """
        half = self.stem(image.contiguous(memory_format=torch.channels_last))
        quarter = self.to_quarter(half)
        eighth = self.to_eighth(quarter)
        whole = F.interpolate(
            self.top(self._look_around(self.to_sixteenth(eighth))),
            scale_factor=2,
            mode="bilinear",
            align_corners=False,
        )
        cells = self.neck(whole + self.lateral(eighth))
        return torch.cat(
            [cells, pack_details(self.quarter_details(quarter), self.half_details(half))], dim=1
        )

    def _look_around(self, x: Tensor) -> Tensor:
        """The transformer, (B, C, H, W) → (B, C, H, W)."""
        tokens = x.flatten(2).transpose(1, 2) + self.pos_embed  # BxCxHxW -> BxNxC
        for block in self.blocks:
            tokens = block(tokens)
        return tokens.transpose(1, 2).unflatten(2, x.shape[2:])  # BxNxC -> BxCxHxW


def _stage(channels_in: int, channels_out: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        ChannelLayerNorm(channels_in),
        _halve(channels_in, channels_out),
        *(ConvolutionBlock(channels_out) for _ in range(blocks)),
    )


def pack_details(quarter: Tensor, half: Tensor) -> Tensor:
    """Pixels into channels of the grid that they lie on.

    Args:
        quarter: (B, C/4, 2·grid, 2·grid).
        half: (B, C/8, 4·grid, 4·grid).

    Returns:
        (B, 3·C, grid, grid).
    """
    halves = F.pixel_unshuffle(F.pixel_unshuffle(half, 2), 2)
    return torch.cat([F.pixel_unshuffle(quarter, 2), halves], dim=1)


def unpack_details(packed: Tensor, channels: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """What ``pack_details`` packed, in the pixel order of ``MaskDecoder``.

    Args:
        packed: (B, 3·C, grid, grid).
        channels: C.
        dtype: of what is returned.

    Returns:
        (B, 1, 4·N, C/4) and (B, 1, 16·N, C/8) of N cells: each cell's four quarters, one after the
        other, and each quarter's four.
    """
    quarters, halves = packed.flatten(2).split([channels, 2 * channels], dim=1)
    quarters = quarters.unflatten(1, (-1, 4)).permute(0, 3, 2, 1)  # BxC/4x4xN -> BxNx4xC/4
    # Of the two indices of a quarter's quarter the finer one was packed first.
    halves = halves.unflatten(1, (-1, 4, 4)).permute(0, 4, 3, 2, 1)  # -> BxNx4x4xC/8
    return (
        lay_out(quarters, dtype).flatten(1, 2).unsqueeze(1),
        lay_out(halves, dtype).flatten(1, 3).unsqueeze(1),
    )


def lay_out(x: Tensor, dtype: torch.dtype) -> Tensor:
    """The same, contiguous and of a dtype: in one pass over memory, or in none."""
    return x.to(dtype, memory_format=torch.contiguous_format).contiguous()
