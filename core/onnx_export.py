"""The network as two ONNX files: one encodes, one decodes.

What is around the network stays outside: the resize to the model input, the rules for several
clicks, the cleaning of masks. ``docs/interchange.md`` says what a caller has to do for itself.
"""

import warnings
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from .checkpoint import Checkpoint, load_model_file
from .errors import ExportError
from .mask_decoder import WholeNorm
from .model import EfficientSAM
from .prompt_encoder import SLOTS, SlotLabel

OPSET = 18

_NEEDED = ("onnx", "onnxscript", "onnxruntime")
_TRIED_COUNTS = (1, 3)
# Of the largest number; float32 sums in another order come to about a millionth.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class OnnxExport:
    """What was written.

    Attributes:
        encoder: (B, 3, S, S) floats in [0, 1] → (B, *embedding_shape).
        decoder: one embedding, (Q, 6, 2) points and (Q, 6) labels → (Q, 3, L, L) logits and (Q, 3)
            predicted IoU.
        encoder_difference: largest difference from the model, relative to its largest number.
        decoder_difference: likewise.
    """

    encoder: Path
    decoder: Path
    encoder_difference: float
    decoder_difference: float


class _Part(nn.Module):
    """One graph: what goes into it, what comes out, and of what it takes any number."""

    inputs: ClassVar[tuple[str, ...]]
    outputs: ClassVar[tuple[str, ...]]
    counted: ClassVar[Mapping[str, str]]
    """Input → what its first dimension counts."""

    def __init__(self, model: EfficientSAM) -> None:
        super().__init__()
        self.model = model

    def make_example(self, count: int) -> tuple[Tensor, ...]:
        """Inputs of ``count`` images or prompts; always the same numbers."""
        raise NotImplementedError


class _Encoder(_Part):
    inputs = ("images",)
    outputs = ("embeddings",)
    counted: ClassVar[Mapping[str, str]] = {"images": "images"}

    def forward(self, images: Tensor) -> tuple[Tensor]:
        return (self.model.encode(images),)

    def make_example(self, count: int) -> tuple[Tensor, ...]:
        side = self.model.architecture.image_size
        return (torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(count)),)


class _Decoder(_Part):
    inputs = ("embedding", "points", "labels")
    outputs = ("logits", "iou")
    counted: ClassVar[Mapping[str, str]] = {"points": "prompts", "labels": "prompts"}

    def forward(self, embedding: Tensor, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        # All six slots as they are: what can be left out depends on the labels' values.
        tokens = self.model.prompt_encoder(points[None], labels[None])
        logits, iou = self.model.mask_decoder(self.model.prepare(embedding), tokens)
        return logits[0], iou[0]

    def make_example(self, count: int) -> tuple[Tensor, ...]:
        a, generator = self.model.architecture, torch.Generator().manual_seed(count)
        embedding = torch.randn((1, *a.embedding_shape), generator=generator)
        points = torch.rand((count, SLOTS, 2), generator=generator) * a.image_size
        kinds = [int(label) for label in SlotLabel]
        labels = torch.randint(min(kinds), max(kinds) + 1, (count, SLOTS), generator=generator)
        return embedding, points, labels


def export_onnx(checkpoint: Checkpoint, folder: Path) -> OnnxExport:
    """Write encoder and decoder, and run both to see that they give the model's numbers.

    Args:
        checkpoint: the model.
        folder: where to write ``<name>_encoder.onnx`` and ``<name>_decoder.onnx``; it exists.

    Raises:
        ExportError: a package is missing, or the files give other numbers.
        CheckpointError: the weights cannot be loaded.
        OSError: a file cannot be written.
    """
    _check_packages()
    model, sha256 = load_model_file(checkpoint)
    name = checkpoint.spec.name
    facts = {
        "model": name,
        "weights_sha256": sha256,
        "licence": checkpoint.spec.licence,
        "image_size": str(model.architecture.image_size),
        "slot_labels": ", ".join(f"{label.value} {label.name.lower()}" for label in SlotLabel),
    }
    encoder, decoder = folder / f"{name}_encoder.onnx", folder / f"{name}_decoder.onnx"
    plain = _use_plain_norms(deepcopy(model))
    _export(_Encoder(plain), encoder, facts)
    _export(_Decoder(plain), decoder, facts)
    return OnnxExport(
        encoder,
        decoder,
        _compare(_Encoder(model), encoder),
        _compare(_Decoder(model), decoder),
    )


def _check_packages() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ExportError(
            f"ONNX files need packages that are not installed ({', '.join(missing)}): "
            "pip install 'efficientsam-labelstudio[onnx]'"
        )


class _PlainNorm(nn.Module):
    """``WholeNorm`` with sums in two steps.

    A sum over a million numbers at once is exact enough in torch, which adds in pairs. A runtime
    that adds one after the other would lose the fourth digit.
    """

    def __init__(self, norm: WholeNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def find_affine(self, x: Tensor, added: Tensor) -> tuple[Tensor, Tensor]:
        x = x + added
        mean = x.mean(dim=1, keepdim=True).mean(dim=2, keepdim=True)
        variance = (x - mean).square().mean(dim=1, keepdim=True).mean(dim=2, keepdim=True)
        scale = (variance + self.eps).rsqrt() * self.weight
        return scale, self.bias + (added - mean) * scale


def _use_plain_norms(model: EfficientSAM) -> EfficientSAM:
    for layers in cast("Iterable[nn.Sequential]", model.mask_decoder.final_output_upscaling_layers):
        for number, layer in enumerate(layers):
            if isinstance(layer, WholeNorm):
                layers[number] = _PlainNorm(layer)
    return model


def _export(part: _Part, path: Path, facts: Mapping[str, str]) -> None:
    part.eval()
    dims = {name: torch.export.Dim(name) for name in set(part.counted.values())}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about what it does inside
        exported = torch.onnx.export(
            part, part.make_example(2),
            dynamo=True, verbose=False, opset_version=OPSET,
            input_names=part.inputs, output_names=part.outputs,
            dynamic_shapes=tuple(
                {0: dims[part.counted[name]]} if name in part.counted else None
                for name in part.inputs
            ),
        )  # fmt: skip
    program = cast("torch.onnx.ONNXProgram", exported)  # None is of the way without dynamo
    program.model.metadata_props.update(facts)
    program.save(str(path), external_data=False)


def _compare(part: _Part, path: Path) -> float:
    """The largest difference between file and model, relative to the model's largest number."""
    from onnxruntime import InferenceSession

    session, difference = InferenceSession(str(path)), 0.0
    for count in _TRIED_COUNTS:
        example = part.make_example(count)
        inputs = {name: x.numpy() for name, x in zip(part.inputs, example, strict=True)}
        with torch.inference_mode():
            expected = [output.numpy() for output in part(*example)]
        for mine, theirs in zip(session.run(None, inputs), expected, strict=True):
            difference = max(difference, float(np.abs(mine - theirs).max() / np.abs(theirs).max()))
    if not difference <= _TOLERANCE:
        raise ExportError(
            f"{path} gives other numbers than the model: they differ by {difference:.2g} of the "
            f"largest, where {_TOLERANCE:g} are borne"
        )
    return difference
