"""What a dtype means on a device."""

import pytest
import torch

from core import DeviceError, has_bfloat16_units
from core.precision import Precision, find_precision

CPU, CUDA, MPS = (torch.device(x) for x in ("cpu", "cuda", "mps"))


@pytest.mark.parametrize(
    ("device", "units", "expected"),
    [
        (CPU, {"amx_bf16": True, "avx512_bf16": True}, True),
        (CPU, {"avx512_bf16": True}, False),  # products take longer there than in float32
        (CPU, {}, False),
        (CUDA, {"bf16": True}, True),
        (CUDA, {"bf16": False}, False),
        (MPS, {}, False),
    ],
)
def test_auto_encodes_in_bfloat16_where_there_are_units_and_never_decodes_in_it(
    monkeypatch: pytest.MonkeyPatch, device: torch.device, units: dict[str, bool], expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda *, including_emulation: units["bf16"]
    )
    assert has_bfloat16_units(device) is expected
    encoder = torch.bfloat16 if expected else torch.float32
    assert find_precision("auto", device) == Precision(encoder, torch.float32)


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_a_dtype_that_was_named_is_that_of_encoder_and_decoder(name: str) -> None:
    dtype = getattr(torch, name)
    assert find_precision(name, CPU) == Precision(dtype, dtype)


def test_what_may_be_named_is_said() -> None:
    with pytest.raises(DeviceError, match="'int4'; use one of auto, float32, bfloat16, float16"):
        find_precision("int4", CPU)
