"""The Inception network against torch-fidelity's, its resizes against their definitions, its files.

The parity is with numbers that torch-fidelity gave for seeded weights (tests/golden/inception.json,
made by bench/inception_parity.py): the library needs torchvision, which no environment of this
package has.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import math
import pickle
import warnings
from pathlib import Path
from typing import Any

import inception_parity as parity
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from saddlepoint.core import registry
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.tensors import exact_float32
from saddlepoint.data import search
from saddlepoint.data.search import RemoteFile
from saddlepoint.evaluation.extractors import inception
from saddlepoint.evaluation.extractors._inception_net import InceptionNet
from saddlepoint.evaluation.extractors._networks import with_weights
from saddlepoint.evaluation.extractors._resize import antialiased_bicubic, tf1_bilinear
from saddlepoint.evaluation.extractors._weights import find_weights
from saddlepoint.evaluation.extractors.inception import Inception, LoadedInception

TESTS = Path(__file__).parents[1]
GOLDEN = json.loads((TESTS / "golden" / "inception.json").read_text())


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without weights and without a network."""
    monkeypatch.setattr(search, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SADDLE_OFFLINE", "1")
    monkeypatch.delenv("SADDLE_DATA", raising=False)


@functools.cache
def weights() -> dict[str, Tensor]:
    return parity.seeded_weights()


def extractor(resize: Any = "tf1") -> LoadedInception:
    return LoadedInception(
        with_weights(InceptionNet, weights()), resize, sha256="0" * 64, device="cpu"
    )


def noise(n: int, height: int, width: int, channels: int, seed: int = 0) -> Tensor:
    generator = np.random.default_rng(seed)
    return torch.from_numpy(generator.integers(0, 256, (n, height, width, channels), np.uint8))


def dataset(shape: tuple[int, ...] = (1, 8, 8)) -> Dataset:
    images = np.zeros((2, 8, 8, 1), np.uint8) if len(shape) == 3 else np.zeros((2, 2), np.float32)
    return Dataset(
        name="blank", spec=DataSpec(shape=shape), images=images, labels=None, fingerprint="0" * 64
    )


def pin(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> str:
    """Let `content` be the only known file; -> its sha256."""
    digest = hashlib.sha256(content).hexdigest()
    file = RemoteFile(name=name, url=f"https://example.org/{name}", sha256=digest)
    monkeypatch.setattr(inception, "FILES", (file,))
    return digest


# The network


def test_the_recipe_of_weights_is_the_one_behind_the_golden_numbers() -> None:
    """When this fails, it is the seeding that changed and not the network."""
    ordered = (weights()[name] for name in sorted(weights()))
    assert parity.hash_of(ordered) == GOLDEN["weights_sha256"]


@pytest.mark.parametrize(
    "case", GOLDEN["cases"], ids=lambda case: "x".join(map(str, case["shape"]))
)
def test_features_are_those_of_torch_fidelity(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = parity.seeded_images(*case["shape"])
    assert parity.hash_of([images]) == case["images_sha256"]
    monkeypatch.setattr(LoadedInception, "batch_size", len(images))
    seen = extractor()(images)
    assert seen.logits is not None
    for values, wanted in ((seen.vectors, case["pool3"]), (seen.logits, case["logits"])):
        got = parity.figures(values)
        for name in ("greatest", "some", "mean", "slope"):
            gap = np.abs(np.subtract(got[name], wanted[name])).max()
            assert gap <= 1e-5 * wanted["greatest"], name


def test_tensors_have_the_names_and_shapes_of_the_released_weights() -> None:
    tensors = InceptionNet().state_dict()
    assert len(tensors) == 472
    assert sum(tensor.numel() for tensor in tensors.values()) == 23_885_392
    assert sum(p.numel() for p in InceptionNet().parameters()) == 23_850_960
    assert parity.hash_of_shapes(tensors) == GOLDEN["shapes_sha256"]


def test_batch_counters_are_passed_over_and_all_else_is_strict() -> None:
    norms = [name.removesuffix("weight") for name in weights() if name.endswith("bn.weight")]
    counters = {f"{name}num_batches_tracked": torch.tensor(7) for name in norms}
    assert len(counters) == 94
    net = with_weights(InceptionNet, {**weights(), **counters})
    assert not net.training
    assert all(torch.equal(tensor, weights()[name]) for name, tensor in net.state_dict().items())
    with pytest.raises(RuntimeError, match=r"fc\.bias"):
        with_weights(
            InceptionNet, {name: tensor for name, tensor in weights().items() if name != "fc.bias"}
        )
    with pytest.raises(RuntimeError, match=r"AuxLogits"):
        with_weights(InceptionNet, {**weights(), "AuxLogits.fc.bias": torch.zeros(1)})


def test_the_bias_has_no_part_in_the_logits() -> None:
    x = torch.zeros(1, 3, 299, 299)
    net = with_weights(InceptionNet, weights())
    pool3, logits = net(x)
    assert pool3.shape == (1, 2048)
    assert logits.shape == (1, 1008)
    other = with_weights(InceptionNet, {**weights(), "fc.bias": torch.full((1008,), 9.0)})
    assert torch.equal(other(x)[1], logits)
    assert torch.allclose(logits, pool3 @ net.fc.weight.T, rtol=1e-5, atol=1e-5)


# The resizes


def tf1_by_loops(image: np.ndarray, size: int) -> np.ndarray:
    """[h, w] -> [size, size], from the definition: source = target * (inputs / outputs)."""

    def around(target: int, inputs: int) -> tuple[int, int, float]:
        place = target * (inputs / size)
        low = math.floor(place)
        return low, min(low + 1, inputs - 1), place - low

    out = np.zeros((size, size))
    for row in range(size):
        y0, y1, y = around(row, image.shape[0])
        for column in range(size):
            x0, x1, x = around(column, image.shape[1])
            top = image[y0, x0] * (1 - x) + image[y0, x1] * x
            bottom = image[y1, x0] * (1 - x) + image[y1, x1] * x
            out[row, column] = top * (1 - y) + bottom * y
    return out


@pytest.mark.parametrize(
    ("height", "width", "size"), [(7, 7, 23), (28, 28, 75), (50, 31, 17), (1, 9, 4), (13, 13, 13)]
)
def test_tf1_resize_is_its_definition(height: int, width: int, size: int) -> None:
    images = noise(2, height, width, 3)
    resized = tf1_bilinear(images, size)
    assert resized.shape == (2, 3, size, size)
    assert resized.dtype == torch.float32
    for index in np.ndindex(2, 3):
        wanted = tf1_by_loops(images[index[0], :, :, index[1]].double().numpy(), size)
        np.testing.assert_allclose(resized[index].numpy(), wanted, rtol=0, atol=1e-3)


def test_tf1_resize_has_no_shift_of_half_a_pixel_and_no_blur() -> None:
    images = noise(1, 12, 12, 1)
    planes = images.permute(0, 3, 1, 2).float()
    assert torch.equal(tf1_bilinear(images, 12), planes)
    assert torch.equal(tf1_bilinear(images, 4), planes[..., ::3, ::3])
    assert torch.equal(tf1_bilinear(images, 36)[..., ::3, ::3], planes)
    assert torch.equal(tf1_bilinear(images, 36)[..., -1], tf1_bilinear(images, 36)[..., -2])


def bicubic_matrix(inputs: int, outputs: int) -> np.ndarray:
    """[outputs, inputs]: Keys' kernel with a = -1/2, as wide as a pixel of the smaller grid."""
    scale = inputs / outputs
    centre = (np.arange(outputs)[:, None] + 0.5) * scale
    x = np.abs(np.arange(inputs)[None] + 0.5 - centre) / max(scale, 1)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    taps = np.where(x < 1, near, np.where(x < 2, far, 0))
    return taps / taps.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("height", "width", "size"), [(9, 9, 32), (40, 24, 16), (16, 16, 16)])
def test_clean_resize_is_pillows_in_floating_point(height: int, width: int, size: int) -> None:
    images = noise(2, height, width, 3)
    resized = antialiased_bicubic(images, size)
    assert resized.shape == (2, 3, size, size)
    assert resized.dtype == torch.float32
    rows, columns = bicubic_matrix(height, size), bicubic_matrix(width, size)
    for index in np.ndindex(2, 3):
        plane = images[index[0], :, :, index[1]].float().numpy()
        pillow = Image.fromarray(plane)
        assert pillow.mode == "F"
        wanted = np.asarray(pillow.resize((size, size), Image.Resampling.BICUBIC)).clip(0, 255)
        assert np.array_equal(resized[index].numpy(), wanted)
        defined = (rows @ plane @ columns.T).clip(0, 255)
        np.testing.assert_allclose(resized[index].numpy(), defined, rtol=0, atol=2e-3)


def test_clean_resize_clips_and_does_not_round() -> None:
    stripes = torch.zeros(1, 8, 8, 1, dtype=torch.uint8)
    stripes[:, :, 4:] = 255
    resized = antialiased_bicubic(stripes, 32)
    assert resized.min() == 0, "the undershoot of the edge is cut off"
    assert resized.max() == 255
    assert not torch.equal(resized, resized.round())


# The extractor


def test_features_do_not_depend_on_the_batch() -> None:
    images = noise(10, 20, 20, 1)
    look = extractor()
    assert look.batch_size < len(images)
    lengths = []
    look.net.register_forward_pre_hook(lambda _, inputs: lengths.append(len(inputs[0])))
    whole = look(images)
    rows = [9, 0, 5]
    some = look(images[rows])
    assert whole.logits is not None
    assert some.logits is not None
    assert whole.vectors.shape == (10, 2048)
    assert torch.equal(some.vectors, whole.vectors[rows])
    assert torch.equal(some.logits, whole.logits[rows])
    assert not torch.equal(whole.vectors[0], whole.vectors[1])
    assert lengths == [look.batch_size] * 3, "the last bits may depend on how many are seen at once"
    assert look(images[:0]).vectors.shape == (0, 2048)


@pytest.mark.parametrize("resize", ["tf1", "clean"])
def test_a_grey_image_counts_as_a_colour_image_without_colour(
    resize: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LoadedInception, "batch_size", 1)
    look, grey = extractor(resize), noise(1, 16, 16, 1)
    seen = look(grey)
    assert torch.equal(seen.vectors, look(grey.repeat(1, 1, 1, 3)).vectors)
    assert seen.vectors.dtype == torch.float32
    resized = {"tf1": tf1_bilinear, "clean": antialiased_bicubic}[resize](grey, 299)
    pool3, _ = look.net((resized.expand(-1, 3, -1, -1) - 128) / 128)
    assert torch.allclose(seen.vectors, pool3, rtol=1e-5, atol=1e-5 * pool3.max().item())


def test_settings_around_it_have_no_part_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoadedInception, "batch_size", 1)
    look, images = extractor(), noise(1, 16, 16, 3)
    plain = look(images)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = look(images)
        assert torch.is_autocast_enabled("cpu")
    assert torch.equal(plain.vectors, cast.vectors)
    assert torch.backends.cudnn.benchmark
    assert torch.backends.cudnn.allow_tf32
    with exact_float32(torch.device("cpu")):
        assert not torch.backends.cudnn.benchmark
        if hasattr(torch.backends.cudnn, "conv"):
            assert torch.backends.cudnn.conv.fp32_precision == "ieee"  # type: ignore[attr-defined]
        else:
            assert not torch.backends.cudnn.allow_tf32


def test_images_of_another_kind_are_refused() -> None:
    look = LoadedInception(nn.Identity(), "tf1", sha256="", device="cpu")
    for images in (torch.zeros(1, 8, 8, 3), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)):
        with pytest.raises(ValueError, match=r"uint8 \[n, h, w, 1 or 3\]"):
            look(images)


# The files


def test_a_file_of_tensors_is_found_in_every_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    torch.save(weights(), buffer)
    name = "pt_inception-2015-12-05-6726825d.pth"
    digest = pin(monkeypatch, name, buffer.getvalue())
    monkeypatch.setenv("SADDLE_DATA", str(tmp_path / "own"))
    named = tmp_path / "named.pth"
    named.write_bytes(buffer.getvalue())
    places = [tmp_path / "cache/saddlepoint/datasets", tmp_path / "system", tmp_path / "own"]
    for place in places:
        path = place / "inception" / name
        path.parent.mkdir(parents=True)
        path.hardlink_to(named)
        assert find_weights("inception", inception.FILES, "") == path
        assert find_weights("inception", inception.FILES, str(path.parent)) == path
    assert find_weights("inception", inception.FILES, str(named)) == named
    found = registry.get("extractor", "inception")(weights=str(named)).load(dataset(), "cpu")
    assert found.protocol == {
        "kind": "inception",
        "sha256": digest,
        "resize": "tf1",
        "layer": "pool3",
        "dim": 2048,
        "file": name,
    }
    kept = found.net.state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in weights().items())


class Program(nn.Module):
    """As little as NVIDIA's file offers: `layers` up to the last pool, and `output`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 2048, 1, stride=64), nn.AdaptiveAvgPool2d(1))
        self.output = nn.Linear(2048, 1008)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.layers(images).flatten(1))


def test_the_torchscript_file_runs_its_own_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, buffer = Program(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(program), buffer)
    digest = pin(monkeypatch, "inception-2015-12-05.pt", buffer.getvalue())
    path = tmp_path / "inception-2015-12-05.pt"
    path.write_bytes(buffer.getvalue())
    look = Inception(resize="clean", weights=str(path)).load(dataset((3, 8, 8)), "cpu")
    assert look.protocol["sha256"] == digest
    assert look.protocol["file"] == "inception-2015-12-05.pt"
    images = noise(3, 8, 8, 3)
    seen = look(images)
    assert seen.logits is not None
    pool3 = program.layers((antialiased_bicubic(images, 299) - 128) / 128).flatten(1)
    assert torch.allclose(seen.vectors, pool3, atol=1e-5)
    logits = program.output(pool3) - program.output.bias
    assert torch.allclose(seen.logits, logits, atol=1e-4)
    assert torch.equal(look(images[1:2]).vectors, seen.vectors[1:2])


def test_bytes_that_are_not_pinned_are_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("opened before its hash was found right")

    monkeypatch.setattr(torch, "load", opened)
    monkeypatch.setattr(torch.jit, "load", opened)
    whole = b"the first half; the second half"
    digest = pin(monkeypatch, "inception-2015-12-05.pt", whole)
    path = tmp_path / "inception-2015-12-05.pt"
    path.write_bytes(whole[:15])
    with pytest.raises(InputError) as caught:
        Inception(weights=str(path)).load(dataset(), "cpu")
    sentence = str(caught.value)
    for fact in (
        str(path),
        "15 bytes",
        hashlib.sha256(whole[:15]).hexdigest()[:12],
        digest[:12],
        "https://",
    ):
        assert fact in sentence
    assert "\n" not in sentence
    with pytest.raises(InputError, match=r"weights='/no/such' is neither a file nor a folder"):
        Inception(weights="/no/such").load(dataset(), "cpu")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"cannot be read: no;"):
        Inception(weights=str(path)).load(dataset(), "cpu")


class Booby:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_even_pinned_bytes_run_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer, trace = io.BytesIO(), tmp_path / "ran"
    torch.save({"fc.bias": Booby(trace)}, buffer)
    pin(monkeypatch, "weights.pth", buffer.getvalue())
    path = tmp_path / "weights.pth"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(pickle.UnpicklingError):
        Inception(weights=str(path)).load(dataset(), "cpu")
    assert not trace.exists()


def test_offline_and_absent_says_what_to_fetch_and_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Inception().load(dataset(), "cpu")
    sentence = str(caught.value)
    best = inception.FILES[0]
    assert best.sha256 == "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
    for fact in (best.url, best.sha256, "SADDLE_OFFLINE", str(tmp_path / "system/inception")):
        assert fact in sentence
    assert str(tmp_path / "cache/saddlepoint/datasets/inception") in sentence
    assert "\n" not in sentence


def test_a_download_that_fails_is_tried_at_the_next_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pooch

    content, asked = b"the network", []

    class Server:
        def __init__(self, progressbar, timeout) -> None:
            pass

        def __call__(self, url: str, output_file, pooch) -> None:
            asked.append(url)
            if len(asked) == 1:
                raise OSError("connection refused")
            Path(output_file).write_bytes(content)

    digest = pin(monkeypatch, "second.pth", content)
    first = RemoteFile(name="first.pth", url="https://example.org/first.pth", sha256=digest)
    monkeypatch.setattr(inception, "FILES", (first, *inception.FILES))
    monkeypatch.setenv("SADDLE_OFFLINE", "0")
    monkeypatch.setattr(pooch, "HTTPDownloader", Server)
    path = find_weights("inception", inception.FILES, "")
    assert path == tmp_path / "cache/saddlepoint/datasets/inception/second.pth"
    assert path.read_bytes() == content
    assert len(asked) == 2
    path.unlink()
    monkeypatch.setattr(inception, "FILES", (first,))
    asked.clear()
    with pytest.raises(InputError, match=r"download of first.pth failed: connection refused"):
        find_weights("inception", inception.FILES, "")


def test_data_that_it_cannot_look_at_and_choices_that_it_has_not() -> None:
    with pytest.raises(InputError, match=r"an item of blank has shape \(2,\)"):
        Inception().load(dataset((2,)), "cpu")
    with pytest.raises(InputError, match=r"resize='nearest' must be one of tf1, clean"):
        Inception(resize="nearest")  # type: ignore[arg-type]
