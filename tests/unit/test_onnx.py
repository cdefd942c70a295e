"""Features of a network in an ONNX file (tests/golden/net.onnx, made by onnx_net.py)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import saddlepoint as sp
from saddlepoint.cli.main import main
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sha256_of
from saddlepoint.data.sources.digits import Digits
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.extractors._resize import antialiased_bicubic
from saddlepoint.evaluation.extractors.onnx import Onnx

NET = Path(__file__).parents[1] / "golden" / "net.onnx"
WEIGHTS = (torch.arange(108.0).view(4, 3, 3, 3) - 54) / 54


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_its_features_are_those_of_the_same_net_in_torch() -> None:
    digits = Digits().open()
    images = torch.from_numpy(digits.images[:37].copy())
    loaded, said = choose_extractor(str(NET), digits)
    assert "onnx" in said
    assert loaded.protocol["sha256"] == sha256_of(NET)
    assert loaded.protocol["pixels"] == 16
    seen = loaded(images)
    x = (antialiased_bicubic(images, 16) / 127.5 - 1).expand(-1, 3, -1, -1)
    expected = torch.conv2d(x, WEIGHTS, stride=2).relu().mean((2, 3))
    torch.testing.assert_close(seen.vectors, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(loaded(images[3:4]).vectors, seen.vectors[3:4])


def test_it_measures_two_sets() -> None:
    images = Digits().open().images
    found = sp.score_images(images[:200], images[200:400], features=str(NET))
    noise = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 1), np.uint8)
    assert sp.score_images(images[:200], noise, features=str(NET))["fid"] > 10 * found["fid"]


def test_what_is_no_network_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    assert main(["evaluate", "digits", "digits", "--features", str(broken), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert "broken.onnx cannot be opened by onnxruntime" in said
    assert "Traceback" not in said


def test_without_onnxruntime_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'saddlepoint\[onnx\]'"):
        Onnx(weights=str(NET)).load(Digits().open(), "cpu")
