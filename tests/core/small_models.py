"""Models of both kinds of encoder, so small that tests can train them."""

from dataclasses import replace
from pathlib import Path

import torch

from core import MODELS, Architecture, Predictor, build_model
from core.checkpoint import Checkpoint
from core.precision import find_precision
from core.registry import PlainEncoder, PyramidEncoder

PLAIN = Architecture(
    image_size=64,
    encoder=PlainEncoder(patch_size=8, width=32, depth=1, heads=2, pretrain_grid=8),
    embedding_channels=64,
    decoder_mlp_width=64,
    is_antialiased=True,
)
PYRAMID = replace(
    PLAIN,
    encoder=PyramidEncoder(widths=(8, 8, 16, 16), blocks=(1, 1), depth=1, heads=2),
    has_negative_points=True,
)


def make_small_predictor(architecture: Architecture = PLAIN, seed: int = 0) -> Predictor:
    """A predictor with random weights that keeps no rule of nano's but the architecture's own."""
    torch.manual_seed(seed)
    spec = replace(MODELS["nano"], architecture=architecture)
    model = build_model(architecture).eval()
    device = torch.device("cpu")
    precision = find_precision("float32", device)
    return Predictor(Checkpoint(spec, Path("none")), model, f"{seed:064x}", device, precision)
