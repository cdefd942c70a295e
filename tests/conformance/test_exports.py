"""Every registered architecture leaves as ONNX and TorchScript, in every way of conditioning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from test_architectures import WAYS, accepts, inputs, narrow, nets

from saddlepoint.core import registry
from saddlepoint.core.contracts import Architecture, DataSpec
from saddlepoint.exporting.contract import Leaving
from saddlepoint.sampling.generator_file import GeneratorFile

SPECS = [DataSpec(shape=(3, 12, 12), n_classes=10), DataSpec(shape=(2,), value_range=None)]
VARIED = {"self_modulation": True, "latent_scale": 2.0, "full_resolution": True}
"""What changes a generator's graph, where it has such a field."""


def cases() -> list[Any]:
    found = []
    for name in registry.names("architecture"):
        for spec in SPECS:
            for way in WAYS if spec.n_classes else WAYS[:1]:
                arch = narrow(name, conditioning=way)
                if accepts(arch, spec):
                    found.append(pytest.param(arch, spec, id=f"{name}-{len(spec.shape)}-{way}"))
        known = {key: value for key, value in VARIED.items() if hasattr(narrow(name), key)}
        found.append(pytest.param(narrow(name, **known), SPECS[0], id=f"{name}-varied"))
    return found


def leaving(arch: Architecture, spec: DataSpec) -> Leaving:
    """With statistics of its own in every BatchNorm, as after training."""
    generator, _ = nets(arch, spec)
    z, _, labels = inputs(arch, spec, 64)
    for _ in range(3):
        generator(3 * z, labels)
    found = Leaving(Path("ema.safetensors"))
    found.content = GeneratorFile(
        arch=arch, spec=spec, classes=(), data="noise", n_images=0, weights=generator.state_dict()
    )
    return found


@pytest.mark.usefixtures("onnx_operators_read_once")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize(("arch", "spec"), cases())
def test_it_leaves_equal(arch: Architecture, spec: DataSpec, tmp_path: Path) -> None:
    model = leaving(arch, spec)
    for kind, file in (("onnx", "net.onnx"), ("torchscript", "net.pt")):
        # Compared with PyTorch before it is written, over labels, truncations and batch sizes.
        registry.get("format", kind)().write(model, tmp_path / file)
    net = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    shapes = {one.name: one.shape for one in [*net.get_inputs(), *net.get_outputs()]}
    assert shapes.pop("z") == ["n", arch.generator(spec).latent_dim]
    assert shapes.pop("truncation") == []
    assert shapes.pop("label", None) == (["n"] if arch.conditioning != "none" else None)
    assert list(shapes.values()) == [["n", *spec.shape]]
    assert torch.jit.load(tmp_path / "net.pt").training is False
