import hashlib
import io
import pickle
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save as save_safetensors

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


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"cannot read the weights at {tmp_path}: Is a dir"):
        load_model_file(Checkpoint(NANO, tmp_path))


def test_a_file_of_something_else_than_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {"epoch": 3}}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="holds no state dict: expected tensors by name"):
        load_model_file(Checkpoint(NANO, tmp_path / "other.pt"))


def test_a_zip_of_several_files_is_refused_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "both.pt.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.pt", b"1")
        archive.writestr("two.pt", b"2")
    with pytest.raises(CheckpointError, match=r"one \.pt file, it holds \['one.pt', 'two.pt'\]"):
        load_model_file(Checkpoint(NANO, path))


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


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_pickle_that_runs_code_is_refused_in_every_place(tmp_path: Path, as_zip: bool) -> None:
    canary = tmp_path / "canary"
    bomb = CanaryBomb(canary)
    for content in (pickle.dumps(bomb), pickle.dumps({"model": bomb}), published_bytes(bomb)):
        path = tmp_path / ("bomb.pt.zip" if as_zip else "bomb.pt")
        path.write_bytes(zipped(content) if as_zip else content)
        with pytest.raises(CheckpointError, match="damaged or not a checkpoint"):
            load_model_file(Checkpoint(NANO, path))
    assert not canary.exists()


class CanaryBomb:
    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self._canary,))


def published_bytes(value: object) -> bytes:
    file = io.BytesIO()
    torch.save({"model": value}, file)
    return file.getvalue()


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("efficient_sam.pt", content)
    return file.getvalue()


def test_a_zip_that_unfolds_without_end_is_refused_by_its_own_word(tmp_path: Path) -> None:
    content = bytearray(zipped(bytes(1000)))
    size_at = content.index(b"PK\x01\x02") + 24  # of the central directory
    content[size_at : size_at + 4] = (3 * 2**30).to_bytes(4, "little")
    path = tmp_path / "bomb.pt.zip"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="unzips to 3,221,225,472 bytes"):
        load_model_file(Checkpoint(NANO, path))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_damaged(
    state: dict[str, torch.Tensor], tmp_path: Path, value: float
) -> None:
    path = tmp_path / "nan.pt"
    name = "mask_decoder.iou_token.weight"
    path.write_bytes(published_file(state | {name: torch.full_like(state[name], value)}))
    with pytest.raises(CheckpointError, match=f"1 tensors hold values .* such as {name}"):
        load_model_file(Checkpoint(NANO, path))


def test_what_lies_under_a_published_name_is_the_published_file_or_refused(tmp_path: Path) -> None:
    path = tmp_path / NANO.filename
    save_checkpoint(build_model(NANO.architecture), path)
    with pytest.raises(CheckpointError, match=r"not the published file of 'nano'.*--weights"):
        load_model_file(find_checkpoint("nano", folder=tmp_path))
    load_model_file(find_checkpoint("nano", weights=path))


_WHOLE = {
    ".pt": published_bytes({"weight": torch.zeros(3, 4), "bias": torch.zeros(4)}),
    ".pt.zip": zipped(published_bytes({"weight": torch.zeros(3)})),
    ".safetensors": save_safetensors({"weight": torch.zeros(3, 4)}),
}


@given(st.data())
def test_a_damaged_file_is_refused_and_nothing_else_happens(data: st.DataObject) -> None:
    suffix = data.draw(st.sampled_from(sorted(_WHOLE)))
    content = bytearray(_WHOLE[suffix])
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"damaged{suffix}"
        path.write_bytes(content)
        with pytest.raises(CheckpointError):
            load_model_file(Checkpoint(NANO, path))


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
