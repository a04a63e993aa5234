"""A model with random weights whose masks depend on the point and pass nano's thresholds."""

from pathlib import Path

import torch
from torch import nn

from core import MODELS, build_model, save_checkpoint

_GAIN = 8.0
_SCORE = 0.7


def save_lively_model(path: Path, name: str = "nano") -> None:
    """Write its checkpoint. Plain random weights hardly look at the point and score about 0."""
    torch.manual_seed(1)
    model = build_model(MODELS[name].architecture)
    decoder = model.mask_decoder
    with torch.no_grad():
        for layer in decoder.transformer.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(_GAIN)
        for mlp in decoder.output_hypernetworks_mlps:
            for parameter in mlp.parameters():
                parameter.mul_(_GAIN)
        decoder.iou_prediction_head.fc.bias.fill_(_SCORE)
    save_checkpoint(model, path)
