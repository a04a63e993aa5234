import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core import (
    MODELS,
    Checkpoint,
    CheckpointError,
    DeviceError,
    UnknownModelError,
    build_model,
    find_checkpoint,
    git_blob_sha1,
    load_model_file,
    load_predictor,
    save_checkpoint,
    verify_checkpoint,
)

NANO = MODELS["nano"]


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return build_model(NANO.architecture).state_dict()


def published_file(state: dict[str, torch.Tensor]) -> bytes:
    """The layout of the official files: the state dict under ``model``."""
    file = io.BytesIO()
    torch.save({"model": state}, file)
    return file.getvalue()


def test_a_published_pt_file_loads(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "efficient_sam.pt"
    path.write_bytes(published_file(state))
    model, sha256 = load_model_file(Checkpoint(NANO, path))
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state[name])


def test_a_published_zip_of_a_pt_file_loads(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "efficient_sam.pt.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("efficient_sam.pt", published_file(state))
    model, _ = load_model_file(Checkpoint(NANO, path))
    assert torch.equal(model.state_dict()["mask_decoder.iou_token.weight"],
                       state["mask_decoder.iou_token.weight"])  # fmt: skip


def test_safetensors_of_half_precision_load(tmp_path: Path) -> None:
    path = tmp_path / "nano.safetensors"
    save_checkpoint(build_model(NANO.architecture), path, dtype=torch.float16)
    model, _ = load_model_file(Checkpoint(NANO, path))
    assert model.mask_decoder.iou_token.weight.dtype == torch.float32


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="esam weights download vitt"):
        find_checkpoint("vitt", folder=tmp_path)


def test_without_a_name_nano_is_taken_until_the_official_file_is_there(tmp_path: Path) -> None:
    (tmp_path / NANO.filename).touch()
    assert find_checkpoint(folder=tmp_path).spec.name == "nano"
    (tmp_path / MODELS["vitt"].filename).touch()
    assert find_checkpoint(folder=tmp_path).spec.name == "vitt"


def test_an_unknown_model_lists_those_there_are() -> None:
    with pytest.raises(UnknownModelError, match=r"'vit_h'.*vitt, vits, nano"):
        load_predictor("vit_h")


@pytest.mark.parametrize("kept_bytes", [0, 10, 5000])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_truncated_file_is_damaged(
    state: dict[str, torch.Tensor], tmp_path: Path, suffix: str, kept_bytes: int
) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".pt":
        whole.write_bytes(published_file(state))
    else:
        save_checkpoint(build_model(NANO.architecture), whole)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[:kept_bytes])
    with pytest.raises(CheckpointError, match="damaged or not a checkpoint"):
        load_model_file(Checkpoint(NANO, cut))


def test_a_file_of_another_architecture_is_refused_by_tensor(tmp_path: Path) -> None:
    path = tmp_path / "nano.safetensors"
    save_checkpoint(build_model(NANO.architecture), path)
    with pytest.raises(CheckpointError, match=r"not a 'vitt' checkpoint: \d+ tensors differ"):
        load_predictor("vitt", path)


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path("/tmp/esam_pickle_bomb").touch, ())  # noqa: S108  must never be made


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    torch.save({"model": Bomb()}, path)
    with pytest.raises(CheckpointError, match="damaged or not a checkpoint"):
        load_model_file(Checkpoint(NANO, path))
    assert not Path("/tmp/esam_pickle_bomb").exists()  # noqa: S108


def test_a_git_blob_id_is_what_git_says() -> None:
    assert git_blob_sha1(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_a_file_with_another_checksum_is_named_with_both(tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    path.write_bytes(b"hello\n")
    spec = replace(NANO, sha256=None, git_blob_sha1="ce013625030ba8dba906f756967f9e9ca394464a")
    verify_checkpoint(Checkpoint(spec, path))
    path.write_bytes(b"hullo\n")
    with pytest.raises(CheckpointError, match="expected ce013625030ba8dba906f756967f9e9ca394464a"):
        verify_checkpoint(Checkpoint(spec, path))


def test_a_device_that_is_not_there_is_named(nano_weights: Path) -> None:
    with pytest.raises(DeviceError, match="'cuda:99' cannot be used here"):
        load_predictor("nano", nano_weights, device="cuda:99")


def test_an_unknown_dtype_lists_those_there_are(nano_weights: Path) -> None:
    with pytest.raises(DeviceError, match="float32, bfloat16, float16"):
        load_predictor("nano", nano_weights, dtype="int4")
