"""A decoder by itself: what learning from a project changes, without the encoder it goes with.

The file is safetensors under the published names, prompt encoder and mask decoder only. Its
metadata name the embeddings that it reads, so that no decoder meets an encoder it was not trained
with, and may hold notes of whoever made it; they are one JSON text, since the library writes
several in any order. Equal content gives equal bytes, and their SHA-256 is its identity.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from .errors import CheckpointError
from .model import EfficientSAM

_ENTRY = "esam-decoder-1"
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, eq=False)
class DecoderFile:
    """What such a file holds.

    Attributes:
        state: tensors by their names in ``EfficientSAM``.
        embedding_identity: ``Predictor.embedding_identity`` of the embeddings that it reads.
        notes: of whoever made it.
        sha256: of the file.
    """

    state: Mapping[str, Tensor]
    embedding_identity: str
    notes: Mapping[str, str]
    sha256: str


def write_decoder(
    decoder: EfficientSAM, embedding_identity: str, notes: Mapping[str, str] | None = None
) -> bytes:
    """Write a model's decoder, in float16: a few MB.

    Args:
        decoder: any model; its encoder is left out.
        embedding_identity: of the embeddings that it reads.
        notes: kept in the file, and part of its identity.

    Raises:
        CheckpointError: a weight is infinite or no number.
    """
    state = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in decoder.state_dict().items()
        if not name.startswith("image_encoder.")
    }
    broken = [name for name, tensor in state.items() if not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(f"the decoder's weights are not finite, such as {broken[0]}")
    entry = {"embedding_identity": embedding_identity, "notes": dict(notes or {})}
    return save_safetensors(state, {_ENTRY: json.dumps(entry, sort_keys=True)})


def read_decoder(content: bytes) -> DecoderFile:
    """Read what ``write_decoder`` wrote.

    Raises:
        CheckpointError: it is damaged, or something else.
    """
    try:
        entry = _read_entry(content)
        state = load_safetensors(content)
    except (SafetensorError, ValueError, KeyError, TypeError, struct.error) as error:
        raise CheckpointError(
            f"{len(content):,} bytes are no decoder file, or a damaged one "
            f"({type(error).__name__}: {error})"
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    return DecoderFile(state, str(entry["embedding_identity"]), dict(entry["notes"]), sha256)


def _read_entry(content: bytes) -> dict[str, Any]:
    """Our entry of the metadata, which the library reads from files only, not from memory."""
    (length,) = _LENGTH.unpack_from(content)
    header = json.loads(content[_LENGTH.size : _LENGTH.size + length])
    entry: dict[str, Any] = json.loads(header["__metadata__"][_ENTRY])
    return {"embedding_identity": entry["embedding_identity"], "notes": entry["notes"]}
