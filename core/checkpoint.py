"""Checkpoint files: found, read, checked against the architecture, written.

Nothing here unpickles code: ``torch.load(weights_only=True)`` or safetensors, always strictly.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save_file as save_safetensors_file
from torch import Tensor

from .errors import CheckpointError
from .model import EfficientSAM, build_model
from .registry import MODELS, ModelSpec, find_model

WEIGHTS_FOLDER = Path(__file__).resolve().parent.parent / "weights"
"""Where checkpoint files live unless a caller says otherwise."""

MAX_UNZIPPED_BYTES = 2 * 2**30
"""Of the ``.pt`` in a published zip; that of ``vits`` has 106 million bytes."""

_TORCH_ARCHIVE_MEMBER = "data.pkl"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file and the registry row it belongs to.

    Attributes:
        spec: the registry row.
        path: the file.
        is_published: whether it must be the file that the row speaks of, since it was found by
            its name; a path that somebody gave may lead to any other.
    """

    spec: ModelSpec
    path: Path
    is_published: bool = False


def find_checkpoint(
    name: str | None = None, weights: str | Path | None = None, folder: Path | None = None
) -> Checkpoint:
    """Find the file of a model.

    Args:
        name: registry name; None takes the first model whose file is there: ``vitt``, else the
            ``nano`` that ships.
        weights: the file itself, wherever it is; None looks in ``folder``.
        folder: the weights folder; None is the product's own.

    Raises:
        UnknownModelError: no such row.
        CheckpointError: the file is not there; the message says how to get it.
    """
    folder = WEIGHTS_FOLDER if folder is None else folder
    if name is None:
        name = "vitt" if weights or (folder / MODELS["vitt"].filename).is_file() else "nano"
    spec = find_model(name)
    path = Path(weights) if weights else folder / spec.filename
    if not path.is_file():
        remedy = "check the path" if weights else f"run `esam weights download {name}`"
        raise CheckpointError(f"no weights for model {name!r} at {path}; {remedy}")
    return Checkpoint(spec, path, is_published=not weights)


def git_blob_sha1(content: bytes) -> str:
    """Git's id of a file: SHA-1 of ``blob <size>\\0`` + content, 40 hex digits."""
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def verify_checkpoint(checkpoint: Checkpoint) -> None:
    """Compare the file with the checksum in its registry row, when the row has one.

    Raises:
        CheckpointError: the file is another one; the message has both checksums.
    """
    _compare_checksums(checkpoint, _read(checkpoint.path))


def _compare_checksums(checkpoint: Checkpoint, content: bytes) -> None:
    spec = checkpoint.spec
    for kind, expected, actual in (
        ("git blob id", spec.git_blob_sha1, git_blob_sha1),
        ("SHA-256", spec.sha256, lambda data: hashlib.sha256(data).hexdigest()),
    ):
        if expected and (found := actual(content)) != expected:
            raise CheckpointError(
                f"{checkpoint.path} is not the published file of {spec.name!r}: its {kind} is "
                f"{found}, expected {expected}; get it again with `esam weights download`, or name "
                "another file with --weights"
            )


def load_model_file(checkpoint: Checkpoint) -> tuple[EfficientSAM, str]:
    """Read a checkpoint file into a float32 model on the CPU.

    Official files (``.pt`` with the state dict under ``model``; a zip holding one such file) and
    safetensors are read as published.

    Returns:
        The model in eval mode, and the SHA-256 of the file as the identity of its weights.

    Raises:
        CheckpointError: the file is damaged, unsafe, of another architecture, or not the published
            one where it must be.
    """
    content = _read(checkpoint.path)
    if checkpoint.is_published:
        _compare_checksums(checkpoint, content)
    state = _parse(content, checkpoint.path)
    model = build_model(checkpoint.spec.architecture)
    _check_names_and_shapes(model, state, checkpoint)
    _check_values(state, checkpoint.path)
    model.load_state_dict(state, strict=True)
    return model.eval(), hashlib.sha256(content).hexdigest()


def _check_values(state: dict[str, Tensor], path: Path) -> None:
    wrong = [
        name
        for name, tensor in state.items()
        if not (tensor.is_floating_point() and tensor.isfinite().all())
    ]
    if wrong:
        raise CheckpointError(
            f"{path} is damaged: {len(wrong)} tensors hold values that are no numbers, such as "
            f"{wrong[0]}; get it again with `esam weights download`"
        )


def save_checkpoint(
    model: EfficientSAM, path: str | Path, dtype: torch.dtype = torch.float32
) -> None:
    """Write the model's weights as safetensors under the published names."""
    state = {
        name: tensor.detach().to("cpu", dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_safetensors_file(state, str(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read the weights at {path}: {error.strerror}") from error


def _parse(content: bytes, path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_safetensors(content)
        stream = io.BytesIO(_unzipped(content, path))
        loaded = torch.load(stream, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # readers of zip, pickle and tensors raise what comes
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else "no detail"
        raise CheckpointError(
            f"{path} is damaged or not a checkpoint ({type(error).__name__}: {first_line[:200]}); "
            "get it again with `esam weights download`"
        ) from error
    state = loaded.get("model", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointError(
            f"{path} holds no state dict: expected tensors by name, at the top or under 'model'"
        )
    return state


def _unzipped(content: bytes, path: Path) -> bytes:
    """The ``.pt`` inside a published zip; anything else as it is (a ``.pt`` is a zip itself)."""
    stream = io.BytesIO(content)
    if not zipfile.is_zipfile(stream):
        return content
    with zipfile.ZipFile(stream) as archive:
        files = archive.infolist()
        if any(file.filename.endswith(_TORCH_ARCHIVE_MEMBER) for file in files):
            return content
        inner = [f for f in files if f.filename.endswith(".pt") and "__MACOSX" not in f.filename]
        if len(inner) != 1:
            names = [file.filename for file in files[:5]]
            raise CheckpointError(f"{path} should hold one .pt file, it holds {names}")
        if inner[0].file_size > MAX_UNZIPPED_BYTES:
            raise CheckpointError(
                f"{path} unzips to {inner[0].file_size:,} bytes, more than any checkpoint has "
                f"({MAX_UNZIPPED_BYTES:,})"
            )
        return archive.read(inner[0])


def _check_names_and_shapes(
    model: EfficientSAM, state: dict[str, Tensor], checkpoint: Checkpoint
) -> None:
    expected = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in state.items()}
    wrong = [f"{n} missing" for n in expected.keys() - found.keys()]
    wrong += [f"{n} unexpected" for n in found.keys() - expected.keys()]
    wrong += [
        f"{n} is {found[n]}, expected {expected[n]}"
        for n in expected.keys() & found.keys()
        if found[n] != expected[n]
    ]
    if wrong:
        raise CheckpointError(
            f"{checkpoint.path} is not a {checkpoint.spec.name!r} checkpoint: {len(wrong)} tensors "
            f"differ, such as {sorted(wrong)[0]}; name the model it belongs to with --model"
        )
