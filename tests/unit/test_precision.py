"""Which precision `auto` takes on which processor."""

from pathlib import Path

import pytest
import torch

from saddlepoint.core.config import Train
from saddlepoint.training import device

INTEL = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Processor\n"
AMD = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\n"
ARM = "processor\t: 0\nBogoMIPS\t: 2100.00\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize(
    ("processors", "avx512_bf16", "amx", "precision"),
    [
        (AMD, True, False, "bf16"),
        (AMD, False, False, "fp32"),
        (INTEL, True, True, "bf16"),
        (INTEL, True, False, "fp32"),
        (INTEL, False, False, "fp32"),
        (ARM, False, False, "fp32"),
        (None, True, False, "fp32"),  # Windows has no such file, and names Intel elsewhere
    ],
)
def test_auto_is_bf16_only_where_it_computes_faster(
    processors: str | None,
    avx512_bf16: bool,
    amx: bool,
    precision: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = tmp_path / "cpuinfo"
    if processors is not None:
        listed.write_text(processors)
    monkeypatch.setattr(device, "_PROCESSORS", listed)
    monkeypatch.setattr(
        "platform.processor", lambda: "Intel64 Family 6 Model 207 Stepping 2, GenuineIntel"
    )
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert device.resolve(Train(device="cpu")).precision == precision


def test_a_precision_that_was_asked_for_is_kept() -> None:
    for precision in ("fp32", "bf16"):
        assert device.resolve(Train(device="cpu", precision=precision)).precision == precision
