"""The mask decoder: three candidate masks and their predicted IoU from an embedding and tokens."""

import torch
from torch import Tensor, nn

from .registry import Architecture
from .two_way_transformer import TokenFeedForward, TwoWayTransformer

CANDIDATES = 3
"""Masks of the answer. Token 0 of the saved four is for single-mask use and is not decoded."""


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
                nn.ConvTranspose2d(a, b, kernel_size=2, stride=2), *([nn.GroupNorm(1, b)] * norm),
                nn.GELU(),
            )
            for a, b, norm in ((width, width // 4, 1), (width // 4, width // 8, 0))
        )  # fmt: skip
        self.output_hypernetworks_mlps = nn.ModuleList(
            TokenFeedForward(width, width, width // 8, hidden_layers=2)
            for _ in range(CANDIDATES + 1)
        )
        self.iou_prediction_head = TokenFeedForward(width, width, CANDIDATES + 1, hidden_layers=2)

    def forward(
        self, embedding: Tensor, prompt_tokens: Tensor, cell_position: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Decode Q prompts on each of B images in one pass.

        Args:
            embedding: (B, C, grid, grid).
            prompt_tokens: (B, Q, 6, C).
            cell_position: (N, C) position features of the cells.

        Returns:
            Logits (B, Q, 3, 4·grid, 4·grid) and predicted IoU (B, Q, 3).
        """
        b, prompts = prompt_tokens.shape[:2]
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(b, prompts, -1, -1), prompt_tokens], dim=2)
        cells = embedding.flatten(2).transpose(1, 2).unsqueeze(1)  # BxCxgxg -> Bx1xNxC
        tokens, cells = self.transformer(tokens, cells, cell_position)
        pixels = self._upscale(cells.flatten(0, 1))  # (B*Q)xC/8xHxW
        kernels = torch.stack(
            [self.output_hypernetworks_mlps[i](tokens[:, :, 1 + i]) for i in self._answer()], dim=2
        ).flatten(0, 1)  # (B*Q)x3xC/8
        logits = (kernels @ pixels.flatten(2)).view(b, prompts, CANDIDATES, *pixels.shape[2:])
        iou = self.iou_prediction_head(tokens[:, :, 0])
        return logits, iou[..., 1:]

    @staticmethod
    def _answer() -> range:
        return range(1, CANDIDATES + 1)

    def _upscale(self, cells: Tensor) -> Tensor:
        """(B*Q, N, C) → (B*Q, C/8, 4·grid, 4·grid)."""
        pixels = cells.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        for layer in self.final_output_upscaling_layers:
            pixels = layer(pixels)
        return pixels
