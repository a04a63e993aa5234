"""The identity of an encoder: of its weights alone, whatever file and decoder they come with."""

import hashlib

import torch

from .model import EfficientSAM


def hash_encoder(model: EfficientSAM) -> str:
    """SHA-256 of the image encoder's weights, 64 hex digits.

    Names, shapes and values count, the latter as float32: a file in half precision and the same
    weights written out in full have one identity.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.image_encoder.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().to("cpu", torch.float32).contiguous().numpy().data)
    return digest.hexdigest()
