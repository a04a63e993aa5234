"""The two-way transformer: prompt tokens and image cells read each other (SAM, arXiv 2304.02643).

Shapes: B images, Q prompts an image, T tokens a prompt, N image cells, C channels. Until the
first image-to-token attention the cells do not depend on the prompt and are kept once an image,
as (B, 1, N, C); everything here broadcasts over Q.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

_HEADS = 8
_CROSS_ATTENTION_DOWNSAMPLING = 2


class Attention(nn.Module):
    """Attention with separate projections, optionally at a fraction of the width."""

    def __init__(self, width: int, downsampling: int = 1) -> None:
        super().__init__()
        inner = width // downsampling
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, Q|1, L, C), (B, Q|1, S, C), (B, Q|1, S, C) → (B, Q, L, C)."""
        q, k, v = (
            self._split(self.q_proj(q)),
            self._split(self.k_proj(k)),
            self._split(self.v_proj(v)),
        )
        prompts = max(q.shape[1], k.shape[1])
        q, k, v = (x.expand(-1, prompts, -1, -1, -1).flatten(0, 1) for x in (q, k, v))
        attend = _attend_to_few if k.shape[2] < q.shape[2] else F.scaled_dot_product_attention
        x = attend(q, k, v)  # (B*Q)xHxLxD
        x = x.transpose(1, 2).flatten(2)  # (B*Q)xHxLxD -> (B*Q)xLxC
        return self.out_proj(x).unflatten(0, (-1, prompts))

    @staticmethod
    def _split(x: Tensor) -> Tensor:
        return x.unflatten(3, (_HEADS, -1)).transpose(2, 3)  # BxQxLxC -> BxQxHxLxD


def _attend_to_few(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of many queries to a few keys, (..., L, D), (..., S, D) twice → (..., L, D).

    With the queries last, softmax runs along memory: six times as fast on a CPU as the fused
    kernel, which is made for many keys.
    """
    scores = (k * k.shape[-1] ** -0.5) @ q.transpose(-2, -1)  # ...xSxL
    return (v.transpose(-2, -1) @ scores.softmax(dim=-2)).transpose(-2, -1)


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

    def __init__(self, width: int, mlp_width: int, is_first: bool) -> None:
        super().__init__()
        self.is_first = is_first
        self.self_attn = Attention(width)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width, _CROSS_ATTENTION_DOWNSAMPLING)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = TokenFeedForward(width, mlp_width, width, hidden_layers=1)
        self.norm3 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, _CROSS_ATTENTION_DOWNSAMPLING)
        self.norm4 = nn.LayerNorm(width)

    def forward(
        self, tokens: Tensor, cells: Tensor, token_position: Tensor, cell_position: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One round.

        Args:
            tokens: (B, Q, T, C).
            cells: (B, Q or 1, N, C).
            token_position: (B, Q, T, C), added wherever tokens are matched.
            cell_position: (N, C), added wherever cells are matched.

        Returns:
            The new tokens (B, Q, T, C) and cells (B, Q, N, C).
        """
        if not self.is_first:
            tokens = tokens + token_position  # the published model keeps it in the residual
        tokens = self.norm1(tokens + self.self_attn(tokens, tokens, tokens))
        matched_cells = cells + cell_position
        tokens = self.norm2(
            tokens + self.cross_attn_token_to_image(tokens + token_position, matched_cells, cells)
        )
        tokens = self.norm3(tokens + self.mlp(tokens))
        cells = self.norm4(
            cells + self.cross_attn_image_to_token(matched_cells, tokens + token_position, tokens)
        )
        return tokens, cells


class TwoWayTransformer(nn.Module):
    """Two rounds, then the tokens read the image once more."""

    def __init__(self, width: int, mlp_width: int, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayBlock(width, mlp_width, is_first=i == 0) for i in range(depth)
        )
        self.final_attn_token_to_image = Attention(width, _CROSS_ATTENTION_DOWNSAMPLING)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(
        self, tokens: Tensor, cells: Tensor, cell_position: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Let tokens (B, Q, T, C) and cells (B, 1, N, C) read each other.

        Returns:
            Tokens (B, Q, T, C) and cells (B, Q, N, C).
        """
        token_position = tokens
        for layer in self.layers:
            tokens, cells = layer(tokens, cells, token_position, cell_position)
        attended = self.final_attn_token_to_image(
            tokens + token_position, cells + cell_position, cells
        )
        return self.norm_final_attn(tokens + attended), cells
