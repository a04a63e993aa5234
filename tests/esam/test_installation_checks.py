"""What the doctor says of this machine: a real torchvision, real files."""

from pathlib import Path

import pytest

from core import CheckpointError
from esam import installation_checks
from esam.findings import Problem
from esam.installation_checks import check_versions, check_weights, is_pair


def test_libraries_that_fit_together_are_named_with_their_versions() -> None:
    text = check_versions().text
    assert text.startswith("torch 2.")
    assert "torchvision 0." in text


def test_torchvision_of_another_build_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What torchvision does when its compiled part does not load, as beside a CPU-only torch.
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        'import torch\n@torch.library.register_fake("torchvision::nms")\ndef nms(*_): ...\n'
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(Problem) as told:
        check_versions()
    assert "operator torchvision::nms does not exist" in told.value.text
    assert "make install" in told.value.remedy


def test_releases_that_do_not_belong_together_are_told_although_they_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        '__version__ = "0.20.0"\nclass ops:\n    nms = print\n'
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(Problem, match=r"torchvision 0\.20\.0.*not of one release"):
        check_versions()


def test_libraries_whose_import_does_not_end_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("import time\ntime.sleep(100)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(installation_checks, "_TIMEOUT_S", 0.2)
    with pytest.raises(Problem, match="importing them takes more than") as told:
        check_versions()
    assert "make install" in told.value.remedy


@pytest.mark.parametrize(
    ("torch", "torchvision", "expected"),
    [
        ("2.13.0", "0.28.0", True),
        ("2.13.1+cpu", "0.28.0+cu130", True),
        ("2.13.0", "0.27.1", False),
        ("2.12.0", "0.28.0", False),
        ("3.0.0", "1.0.0", True),
    ],
)
def test_releases_that_belong_together_are_known(
    torch: str, torchvision: str, expected: bool
) -> None:
    assert is_pair(torch, torchvision) is expected


def test_weights_are_compared_with_the_published_ones(nano_weights: Path) -> None:
    assert check_weights("nano", None).text.startswith("nano, as published")
    assert "a file of your own" in check_weights("nano", nano_weights).text


def test_weights_that_are_missing_are_told() -> None:
    with pytest.raises(CheckpointError, match="no weights for model 'nano' at nowhere"):
        check_weights("nano", Path("nowhere"))
