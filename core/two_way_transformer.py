"""The two-way transformer: prompt tokens and image cells read each other (SAM, arXiv 2304.02643).

Shapes: B images, Q prompts an image, T tokens a prompt, N image cells, C channels, H heads of D
channels. There are thousands of cells and a dozen tokens, so what is linear in the cells costs:

- until the first image-to-token attention the cells do not depend on the prompt, and what is
  projected from them is kept once an image, in ``ImageCells``;
- after it no cell is projected any more: the tokens are projected into the cells' own channels
  instead, which gives the same products in fewer steps;
- tokens that are equal at the start stay equal, since nothing here minds their order: the last
  token may stand for several, and counts as often wherever it is read (``repeats``);
- nobody reads a token after the last attention but the heads of the first few: only those attend.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

_HEADS = 8
_CROSS_ATTENTION_DOWNSAMPLING = 2


class Attention(nn.Module):
    """The projections of an attention, optionally at a fraction of the width."""

    def __init__(self, width: int, downsampling: int = 1) -> None:
        super().__init__()
        inner = width // downsampling
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)


class SelfAttention(Attention):
    """Tokens read each other."""

    def forward(self, tokens: Tensor, repeats: int) -> Tensor:
        """Tokens (B, Q, T, C) read each other → (B, Q, T, C)."""
        q, k, v = (_split(project(tokens)) for project in (self.q_proj, self.k_proj, self.v_proj))
        scores = q * q.shape[-1] ** -0.5 @ k.transpose(3, 4)  # BxQxHxTxT
        scores[..., -1] += math.log(repeats)
        x = scores.softmax(dim=-1) @ v  # BxQxHxTxD
        return self.out_proj(x.transpose(2, 3).flatten(3))


class TokenToImageAttention(Attention):
    """Tokens read the cells."""

    def project_cells(self, cells: Tensor, matched: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, H, N, D) of cells (B, 1, N, C) that all prompts share."""
        keys, values = _split(self.k_proj(matched)), _split(self.v_proj(cells))
        return keys.squeeze(1), values.squeeze(1)

    def read_projected(self, tokens: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend (B, Q, T, C) to what ``project_cells`` gave; no token minds another."""
        prompts = tokens.shape[1]
        q = _split(self.q_proj(tokens.flatten(1, 2).unsqueeze(1))).squeeze(1)  # BxHx(Q*T)xD
        x = F.scaled_dot_product_attention(q, keys, values)
        return self.out_proj(x.transpose(1, 2).flatten(2)).unflatten(1, (prompts, -1))

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Tokens (B, Q, T, C), cells (B, Q, N, C) with position and without → (B, Q, T, C).

        q·(W c + b) is (Wᵀq)·c and a constant a token, which softmax takes out; and the weighted sum
        of W c + b is W of the weighted sum of c, and b.
        """
        tokens = _split(self.q_proj(q))  # BxQxHxTxD
        tokens = tokens * tokens.shape[-1] ** -0.5
        probes = (tokens @ _by_head(self.k_proj.weight)).flatten(2, 3)  # BxQx(H*T)xC
        weights = (probes @ k.transpose(2, 3)).softmax(dim=-1)  # BxQx(H*T)xN
        seen = (weights @ v).unflatten(2, (_HEADS, -1))  # BxQxHxTxC
        x = seen @ _by_head(self.v_proj.weight).transpose(1, 2)
        x = x + self.v_proj.bias.view(_HEADS, 1, -1)  # BxQxHxTxD
        return self.out_proj(x.transpose(2, 3).flatten(3))


class ImageToTokenAttention(Attention):
    """The cells read the tokens."""

    def project_cells(self, matched: Tensor) -> Tensor:
        """Queries (B, H, N, D) of cells (B, 1, N, C) that all prompts share."""
        return _split(self.q_proj(matched)).squeeze(1)

    def read_projected(
        self, queries: Tensor, cells: Tensor, keys: Tensor, values: Tensor, repeats: int
    ) -> Tensor:
        """Add to cells (B, 1, N, C) what they read; see ``forward``."""
        k = _split(self.k_proj(keys)) * queries.shape[-1] ** -0.5  # BxQxHxTxD
        prompts = k.shape[1]
        scores = k.transpose(1, 2).flatten(2, 3) @ queries.transpose(2, 3)  # BxHx(Q*T)xN
        scores = scores.unflatten(2, (prompts, -1)).transpose(1, 2)  # BxQxHxTxN
        return self._add(cells, scores, values, repeats)

    def forward(
        self, cells: Tensor, matched: Tensor, keys: Tensor, values: Tensor, repeats: int
    ) -> Tensor:
        """Add to cells (B, Q, N, C) what they read in tokens (B, Q, T, C) twice → (B, Q, N, C).

        (W c + b)·k is (Wᵀk)·c + b·k.
        """
        k = _split(self.k_proj(keys))
        k = k * k.shape[-1] ** -0.5  # BxQxHxTxD
        probes = (k @ _by_head(self.q_proj.weight)).flatten(2, 3)  # BxQx(H*T)xC
        bias = (k @ self.q_proj.bias.view(_HEADS, -1, 1)).flatten(2, 3)  # BxQx(H*T)x1
        scores = probes @ matched.transpose(2, 3) + bias
        return self._add(cells, scores.unflatten(2, (_HEADS, -1)), values, repeats)

    def _add(self, cells: Tensor, scores: Tensor, values: Tensor, repeats: int) -> Tensor:
        """Cells (B, Q|1, N, C), scores (B, Q, H, T, N), tokens (B, Q, T, C) → (B, Q, N, C).

        With the cells last, softmax runs along memory. The output projection is done with the
        values of the tokens; its bias rides on them, since the weights of a head sum to 1.
        """
        scores[..., -1, :] += math.log(repeats)
        weights = scores.softmax(dim=3).flatten(2, 3)  # BxQx(H*T)xN
        outwards = _by_head(self.out_proj.weight.T)  # HxDxC
        spoken = _split(self.v_proj(values)) @ outwards + self.out_proj.bias / _HEADS
        spoken = spoken.flatten(2, 3)  # BxQx(H*T)xC
        return cells + weights.transpose(2, 3) @ spoken


def _split(x: Tensor) -> Tensor:
    return x.unflatten(3, (_HEADS, -1)).transpose(2, 3)  # BxQxLx(H*D) -> BxQxHxLxD


def _by_head(weight: Tensor) -> Tensor:
    return weight.unflatten(0, (_HEADS, -1))  # (H*D)xC -> HxDxC


@dataclass(frozen=True)
class ImageCells:
    """What the transformer needs of an image, whatever the prompt.

    Attributes:
        cells: (B, 1, N, C).
        position: (N, C), added wherever cells are matched.
        first_keys: (B, H, N, D), what tokens match in the first round.
        first_values: (B, H, N, D), what they read there.
        first_queries: (B, H, N, D), what cells match tokens with in the first round.
    """

    cells: Tensor
    position: Tensor
    first_keys: Tensor
    first_values: Tensor
    first_queries: Tensor


class TokenFeedForward(nn.Module):
    """Linear layers with GELU between; a stack of one hidden layer for tokens, more for heads."""

    def __init__(
        self, width_in: int, width_hidden: int, width_out: int, hidden_layers: int
    ) -> None:
        super().__init__()
        widths = [width_in] + [width_hidden] * hidden_layers
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(a, b), nn.GELU()) for a, b in pairwise(widths)
        )
        self.fc = nn.Linear(width_hidden, width_out)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width_in) → (..., width_out)."""
        for layer in self.layers:
            x = layer(x)
        return self.fc(x)


class TwoWayBlock(nn.Module):
    """Tokens read themselves, then the image; then the image reads the tokens. Post-norm."""

    def __init__(self, width: int, mlp_width: int) -> None:
        super().__init__()
        self.self_attn = SelfAttention(width)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = TokenToImageAttention(width, _CROSS_ATTENTION_DOWNSAMPLING)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = TokenFeedForward(width, mlp_width, width, hidden_layers=1)
        self.norm3 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = ImageToTokenAttention(width, _CROSS_ATTENTION_DOWNSAMPLING)
        self.norm4 = nn.LayerNorm(width)

    def prepare(self, cells: Tensor, position: Tensor) -> ImageCells:
        """Project what all prompts share: cells (B, 1, N, C) and their position (N, C)."""
        matched = cells + position
        keys, values = self.cross_attn_token_to_image.project_cells(cells, matched)
        queries = self.cross_attn_image_to_token.project_cells(matched)
        return ImageCells(cells, position, keys, values, queries)

    def begin(self, tokens: Tensor, image: ImageCells, repeats: int) -> tuple[Tensor, Tensor]:
        """The first round: tokens (B, Q, T, C) without position, and cells that all share.

        Returns:
            The new tokens (B, Q, T, C) and cells (B, Q, N, C).
        """
        position = tokens
        tokens = self.norm1(tokens + self.self_attn(tokens, repeats))
        seen = self.cross_attn_token_to_image.read_projected(
            tokens + position, image.first_keys, image.first_values
        )
        tokens = self._think(tokens + seen)
        cells = self.cross_attn_image_to_token.read_projected(
            image.first_queries, image.cells, tokens + position, tokens, repeats
        )
        return tokens, self.norm4(cells)

    def forward(
        self,
        tokens: Tensor,
        cells: Tensor,
        token_position: Tensor,
        cell_position: Tensor,
        repeats: int,
    ) -> tuple[Tensor, Tensor]:
        """A later round.

        Args:
            tokens: (B, Q, T, C).
            cells: (B, Q, N, C).
            token_position: (B, Q, T, C), added wherever tokens are matched.
            cell_position: (N, C), added wherever cells are matched.
            repeats: how many equal tokens the last one stands for.

        Returns:
            The new tokens (B, Q, T, C) and cells (B, Q, N, C).
        """
        tokens = tokens + token_position  # the published model keeps it in the residual
        tokens = self.norm1(tokens + self.self_attn(tokens, repeats))
        matched = cells + cell_position
        seen = self.cross_attn_token_to_image(tokens + token_position, matched, cells)
        tokens = self._think(tokens + seen)
        cells = self.cross_attn_image_to_token(
            cells, matched, tokens + token_position, tokens, repeats
        )
        return tokens, self.norm4(cells)

    def _think(self, tokens: Tensor) -> Tensor:
        tokens = self.norm2(tokens)
        return self.norm3(tokens + self.mlp(tokens))


class TwoWayTransformer(nn.Module):
    """Two rounds, then the tokens read the image once more."""

    def __init__(self, width: int, mlp_width: int, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(width, mlp_width) for _ in range(depth))
        self.final_attn_token_to_image = TokenToImageAttention(width, _CROSS_ATTENTION_DOWNSAMPLING)
        self.norm_final_attn = nn.LayerNorm(width)

    def prepare(self, cells: Tensor, position: Tensor) -> ImageCells:
        """What all prompts on an image share: of cells (B, 1, N, C) at positions (N, C)."""
        first = cast("TwoWayBlock", self.layers[0])
        return first.prepare(cells, position)

    def forward(
        self, tokens: Tensor, image: ImageCells, repeats: int, answering: int
    ) -> tuple[Tensor, Tensor]:
        """Let tokens and an image read each other.

        Args:
            tokens: (B, Q, T, C).
            image: what ``prepare`` made.
            repeats: how many equal tokens the last one stands for.
            answering: how many of the first tokens are returned.

        Returns:
            Tokens (B, Q, answering, C) and cells (B, Q, N, C).
        """
        token_position = tokens
        first, *later = cast("Iterable[TwoWayBlock]", self.layers)
        tokens, cells = first.begin(tokens, image, repeats)
        for layer in later:
            tokens, cells = layer(tokens, cells, token_position, image.position, repeats)
        tokens, token_position = tokens[:, :, :answering], token_position[:, :, :answering]
        attended = self.final_attn_token_to_image(
            tokens + token_position, cells + image.position, cells
        )
        return self.norm_final_attn(tokens + attended), cells
