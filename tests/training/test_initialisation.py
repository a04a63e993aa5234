"""The first values of a model: near patches look alike, and attention begins near by."""

from dataclasses import replace

import torch

from core import MODELS, build_model
from core.registry import PlainEncoder
from training.initialisation import initialise_encoder, sine_positions


def test_near_places_are_more_alike_than_far_ones() -> None:
    positions = sine_positions(32, 96).view(32, 32, 96)
    here = positions[16, 16]
    alike = [float(here @ positions[16, 16 + step]) for step in (0, 1, 3, 8)]
    assert alike == sorted(alike, reverse=True)
    assert float(here @ positions[17, 16]) == float(here @ positions[16, 17])


def test_attention_starts_on_the_neighbourhood() -> None:
    plain = PlainEncoder(patch_size=8, width=96, depth=1, heads=3, pretrain_grid=32)
    encoder = build_model(replace(MODELS["nano"].architecture, encoder=plain)).image_encoder
    initialise_encoder(encoder, plain.heads)
    block = encoder.get_submodule("blocks.0")
    position = encoder.get_parameter("pos_embed")[:, 1:]
    joint = block.get_submodule("attn.qkv")(block.get_submodule("norm1")(position))
    query, key, _ = joint.view(1024, 3, 3, 32).permute(1, 2, 0, 3).unbind(0)  # 3xHxNxD
    attention = (query @ key.transpose(1, 2) / 32**0.5).softmax(dim=-1).view(3, 32, 32, 32, 32)
    near = attention[:, 16, 16, 11:22, 11:22].sum(dim=(1, 2))
    share_of_area = 11 * 11 / 1024  # what attention that does not look around gives them
    assert (near > share_of_area).all()
    assert near.mean() > 2 * share_of_area
    assert torch.isfinite(attention).all()
