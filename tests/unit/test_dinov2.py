"""DINOv2 against transformers' network, its preprocessing against its definition, its files.

The parity is with numbers that transformers gave for seeded weights (tests/golden/dinov2.json, made
by bench/dinov2_parity.py): it is too heavy for an environment of tests.
"""

from __future__ import annotations

import functools
import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import dinov2_parity as parity
import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor

from saddlepoint.core import registry
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.data import search
from saddlepoint.data.search import RemoteFile
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.extractors import dinov2 as module
from saddlepoint.evaluation.extractors._dinov2_net import DinoNet, Shape
from saddlepoint.evaluation.extractors._networks import with_weights
from saddlepoint.evaluation.extractors._weights import find_weights
from saddlepoint.evaluation.extractors.dinov2 import DinoV2, LoadedDino, normalised

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "dinov2.json").read_text())
TINY = Shape(24, 2, 3)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without weights and without a network."""
    monkeypatch.setattr(search, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SADDLE_OFFLINE", "1")
    monkeypatch.delenv("SADDLE_DATA", raising=False)


@functools.cache
def tiny_weights() -> dict[str, Tensor]:
    return parity.seeded_weights(TINY)


def extractor() -> LoadedDino:
    return LoadedDino(
        with_weights(partial(DinoNet, TINY), tiny_weights()), "small", "0" * 64, "cpu"
    )


def noise(n: int, height: int, width: int, channels: int) -> Tensor:
    generator = np.random.default_rng(0)
    return torch.from_numpy(generator.integers(0, 256, (n, height, width, channels), np.uint8))


def dataset(shape: tuple[int, ...] = (1, 8, 8)) -> Dataset:
    images = np.zeros((2, 8, 8, 1), np.uint8) if len(shape) == 3 else np.zeros((2, 2), np.float32)
    return Dataset(
        name="blank", spec=DataSpec(shape=shape), images=images, labels=None, fingerprint="0" * 64
    )


def pin(monkeypatch: pytest.MonkeyPatch, path: Path) -> str:
    """Let `path` hold the seeded tiny network, and that be the known file of size small."""
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(tiny_weights(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = RemoteFile(name="model.safetensors", url="https://example.org/x", sha256=digest)
    monkeypatch.setitem(module.FILES, "small", file)
    monkeypatch.setitem(module.SHAPES, "small", TINY)
    return digest


# The network


@pytest.mark.parametrize("size", GOLDEN["sizes"], ids=lambda size: size["name"])
def test_the_class_token_is_that_of_transformers(size: dict[str, Any]) -> None:
    shape = Shape(*size["shape"])
    tensors = parity.seeded_weights(shape)
    weights_hash = parity.hash_of(tensors[name] for name in sorted(tensors))
    assert weights_hash == size["weights_sha256"], "the seeding changed, not the network"
    net = with_weights(partial(DinoNet, shape), tensors)
    for case in size["cases"]:
        pixels = normalised(parity.seeded_images(*case["image"]))
        got, wanted = parity.figures(net(pixels)), case["class_token"]
        for name in ("greatest", "some", "mean", "slope"):
            gap = np.abs(np.subtract(got[name], wanted[name])).max()
            assert gap <= 1e-5 * wanted["greatest"], name


def test_tensors_have_the_names_and_shapes_of_the_released_weights() -> None:
    (small,) = (size for size in GOLDEN["sizes"] if size["name"] == "small")
    with torch.device("meta"):
        tensors = DinoNet(module.SHAPES["small"]).state_dict()
        giant = DinoNet(module.SHAPES["giant"]).encoder.layer[0].mlp.state_dict()
    assert parity.hash_of_shapes(tensors) == small["shapes_sha256"]
    header = 88_249_960 - 4 * sum(tensor.numel() for tensor in tensors.values())
    assert 0 < header < 30_000, "the size of the published file, less the numbers"
    assert giant["weights_out.weight"].shape == (1536, 4096)
    with pytest.raises(RuntimeError, match=r"layernorm\.bias"):
        with_weights(
            partial(DinoNet, TINY),
            {k: v for k, v in tiny_weights().items() if k != "layernorm.bias"},
        )
    with pytest.raises(RuntimeError, match="classifier"):
        with_weights(
            partial(DinoNet, TINY), {**tiny_weights(), "classifier.weight": torch.zeros(1)}
        )


def test_at_the_trained_size_places_are_the_table_itself() -> None:
    embeddings = with_weights(partial(DinoNet, TINY), tiny_weights()).embeddings
    assert embeddings.positions(37, 37) is embeddings.position_embeddings
    fewer = embeddings.positions(16, 16)
    assert fewer.shape == (1, 1 + 16 * 16, 24)
    assert torch.equal(fewer[:, 0], embeddings.position_embeddings[:, 0])


# The extractor


def test_images_are_resized_by_pillow_and_normalised() -> None:
    images = noise(2, 30, 30, 3)
    pixels = normalised(images)
    assert pixels.shape == (2, 3, 224, 224)
    means, stds = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for channel, (mean, std) in enumerate(zip(means, stds, strict=True)):
        plane = Image.fromarray(images[1, :, :, channel].float().numpy())
        resized = np.asarray(plane.resize((224, 224), Image.Resampling.BICUBIC)).clip(0, 255)
        wanted = (resized / 255 - mean) / std
        np.testing.assert_allclose(pixels[1, channel].numpy(), wanted, atol=1e-5)


def test_features_do_not_depend_on_the_batch() -> None:
    images, look = noise(11, 20, 20, 1), extractor()
    whole = look(images).vectors
    assert whole.shape == (11, 24)
    assert whole.dtype == torch.float32
    rows = [10, 0, 5]
    assert torch.equal(look(images[rows]).vectors, whole[rows])
    assert not torch.equal(whole[0], whole[1])
    assert look(images[:0]).vectors.shape == (0, 24)
    assert torch.equal(look(images.repeat(1, 1, 1, 3)).vectors, whole), "grey is repeated"


def test_settings_around_it_have_no_part() -> None:
    images, look = noise(2, 20, 20, 3), extractor()
    plain = look(images).vectors
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(look(images).vectors, plain)


# The files


def test_the_file_is_found_in_every_place_and_says_its_own_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADDLE_DATA", str(tmp_path / "own"))
    assert "not on this machine" in DinoV2().unfit(dataset())
    for place in ("cache/saddlepoint/datasets", "system", "own"):
        path = tmp_path / place / "dinov2-small" / "model.safetensors"
        digest = pin(monkeypatch, path)
        assert find_weights("dinov2-small", [module.FILES["small"]], "") == path
        assert find_weights("dinov2-small", [module.FILES["small"]], str(path.parent)) == path
    assert DinoV2().unfit(dataset()) == ""
    assert DinoV2().unfit(dataset((2,))) == "the data are points"
    loaded = registry.get("extractor", "dinov2")(size="base", weights=str(path)).load(
        dataset(), "cpu"
    )
    assert loaded.protocol == {
        "kind": "dinov2",
        "size": "small",
        "sha256": digest,
        "resize": "clean",
        "pixels": 224,
        "layer": "class token",
        "dim": 24,
    }
    named, said = choose_extractor(str(path), dataset())
    assert named.protocol == loaded.protocol
    assert digest[:12] in said


def test_other_bytes_and_absent_files_get_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    pin(monkeypatch, path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="is not DINOv2 or is damaged") as caught:
        DinoV2(weights=str(path)).load(dataset(), "cpu")
    assert hashlib.sha256(path.read_bytes()).hexdigest()[:12] in str(caught.value)
    with pytest.raises(InputError, match=r"weights='/no/such' is neither a file nor a folder"):
        DinoV2(weights="/no/such").load(dataset(), "cpu")
    with pytest.raises(InputError, match="SADDLE_OFFLINE=1 forbids a download") as caught:
        DinoV2(size="base").load(dataset(), "cpu")
    assert "huggingface.co/facebook/dinov2-base/resolve/main/model.safetensors" in str(caught.value)
    with pytest.raises(InputError, match="blank holds points"):
        DinoV2().load(dataset((2,)), "cpu")
    with pytest.raises(InputError, match="must be one of small, base, large, giant"):
        DinoV2(size="tiny")  # type: ignore[arg-type]
