"""``esam export-onnx``, and the example of docs/interchange.md on what it wrote."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core import Checkpoint, OnnxExport, Prompt, load_predictor, read_image
from esam import export_onnx_command
from esam.demo_photos import photo_path

from .command_line import esam

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(600)
def test_the_example_of_the_docs_finds_the_mask_that_core_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert esam("export-onnx", "--model", "nano", "--out", tmp_path, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    for name in ("encoder", "decoder"):
        path = tmp_path / f"nano_{name}.onnx"
        assert facts[name]["file"] == str(path)
        assert facts[name]["size_bytes"] == path.stat().st_size > 1_000_000
        assert 0 <= facts[name]["largest_difference"] < 1e-4
    rgb = read_image(photo_path("coffee.png"))
    Image.fromarray(rgb).save(tmp_path / "photo.jpg", quality=100, subsampling=0)
    (example,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "interchange.md").read_text(), re.DOTALL
    )
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(example, found)  # noqa: S102  our own docs
    predictor = load_predictor("nano")
    prompt = Prompt(box=[76, 16, 482, 392])
    (answer,) = predictor.decode_candidates(predictor.encode(read_image("photo.jpg")), [prompt])
    np.testing.assert_allclose(found["iou"][0], answer.iou, atol=0.02)
    mask = found["mask"]
    assert (mask & answer.mask).sum() / (mask | answer.mask).sum() > 0.98


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert esam("export-onnx", "--model", "nano", "--out", tmp_path / "file" / "x") == 1
    assert "cannot write to" in capsys.readouterr().err


def test_people_are_told_of_each_file_how_large_and_how_exact_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(_: Checkpoint, folder: Path) -> OnnxExport:
        encoder, decoder = folder / "nano_encoder.onnx", folder / "nano_decoder.onnx"
        encoder.write_bytes(bytes(3 * 2**20))
        decoder.write_bytes(bytes(2**19))
        return OnnxExport(encoder, decoder, 1.25e-6, 5e-7)

    # A real export takes half a minute; the test above makes one.
    monkeypatch.setattr(export_onnx_command, "write_onnx", write)
    assert esam("export-onnx", "--model", "nano", "--out", tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {tmp_path}/nano_encoder.onnx (3.0 MiB): the encoder, within 1e-06 of the model's "
        "numbers",
        f"wrote {tmp_path}/nano_decoder.onnx (0.5 MiB): the decoder, within 5e-07 of the model's "
        "numbers",
    ]
