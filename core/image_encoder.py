"""The image encoder: a plain ViT with a convolutional neck (EfficientSAM, arXiv 2312.00863)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .registry import Architecture, PlainEncoder

_LAYER_NORM_EPS = 1e-6


class ChannelLayerNorm(nn.Module):
    """LayerNorm over the channels of an image-shaped tensor."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each pixel over its channels, (B, C, H, W) → (B, C, H, W).

        In float32: of few channels, torch's bfloat16 kernel for CPUs takes three times as long.
        """
        y = x.permute(0, 2, 3, 1).float()  # BxCxHxW -> BxHxWxC
        weight, bias = self.weight.float(), self.bias.float()
        y = F.layer_norm(y, weight.shape, weight, bias, _LAYER_NORM_EPS)
        return y.to(x.dtype).permute(0, 3, 1, 2)  # BxHxWxC -> BxCxHxW


class SelfAttention(nn.Module):
    """Multi-head self-attention, fused: no N×N matrix is kept."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the tokens, (B, N, C) → (B, N, C)."""
        b, n, c = x.shape
        qkv = self.qkv(x).view(b, n, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # BxNx3xHxD -> 3 x BxHxNxD
        x = F.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(b, n, c))  # BxHxNxD -> BxNxC


class FeedForward(nn.Module):
    """The ViT block's MLP with exact GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) → (B, N, C)."""
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_LAYER_NORM_EPS)
        self.attn = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=_LAYER_NORM_EPS)
        self.mlp = FeedForward(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) → (B, N, C)."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbedding(nn.Module):
    """Cut the image into patches, one token each."""

    def __init__(self, patch_size: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=patch_size, stride=patch_size)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) → (B, N, C), row by row."""
        return self.proj(image).flatten(2).transpose(1, 2)  # BxCxgxg -> BxNxC


class ImageEncoder(nn.Module):
    """Turn a normalised image into its embedding."""

    def __init__(self, architecture: Architecture, encoder: PlainEncoder) -> None:
        super().__init__()
        width, out = encoder.width, architecture.embedding_channels
        self.grid = architecture.grid
        self.pretrain_grid = encoder.pretrain_grid
        self.pos_embed = nn.Parameter(torch.zeros(1, self.pretrain_grid**2 + 1, width))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.patch_embed = PatchEmbedding(encoder.patch_size, width)
        self.blocks = nn.ModuleList(Block(width, encoder.heads) for _ in range(encoder.depth))
        self.neck = nn.Sequential(
            nn.Conv2d(width, out, kernel_size=1, bias=False),
            ChannelLayerNorm(out),
            nn.Conv2d(out, out, kernel_size=3, padding=1, bias=False),
            ChannelLayerNorm(out),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Encode a batch.

        Args:
            image: (B, 3, S, S) floats, ImageNet-normalised.

        Returns:
            (B, C, grid, grid) embedding.
        """
        x = self.patch_embed(image) + self._position_embedding()
        for block in self.blocks:
            x = block(x)
        x = x.transpose(1, 2).unflatten(2, (self.grid, self.grid))  # BxNxC -> BxCxgxg
        embedding: Tensor = self.neck(x)
        return embedding

    def _position_embedding(self) -> Tensor:
        """(1, N, C); the saved vector of the class token has no place here."""
        position = self.pos_embed[:, 1:]
        if self.pretrain_grid == self.grid:
            return position
        square = position.transpose(1, 2).unflatten(2, (self.pretrain_grid, self.pretrain_grid))
        square = F.interpolate(
            square, size=(self.grid, self.grid), mode="bicubic", align_corners=False
        )
        return square.flatten(2).transpose(1, 2)  # 1xCxgxg -> 1xNxC
