"""The rows of an accelerator, tried on the CPU with the small model."""

from pathlib import Path

import pytest
import torch

from bench.device_rows import measure_device


@pytest.mark.timeout(300)
def test_a_dtype_has_all_its_rows_and_its_masks_are_those_of_float32(tmp_path: Path) -> None:
    rows = measure_device(
        tmp_path,
        "nano",
        torch.device("cpu"),
        dtypes=["bfloat16"],
        batch_sizes=(1, 2),
        turns=2,
        jpegs=3,
        matmul_side=64,
    )
    found = {row.name: row.value for row in rows}
    tag = "nano.bfloat16"
    assert found.pop(f"mask_iou.{tag}") >= 0.98
    assert set(found) == {
        f"encode.batch.{tag}.1",
        f"encode.batch.{tag}.2",
        f"encode.best.{tag}",
        f"encode.share_of_matmul.{tag}",
        f"click.cold.{tag}",
        f"jpeg_to_rle.{tag}",
    }
    assert all(value > 0 for value in found.values())
