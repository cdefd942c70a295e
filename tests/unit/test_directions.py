"""Principal directions: those of a linear generator are known, those of any are PCA over many z."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.contracts import Architecture, DataSpec, Generator
from saddlepoint.core.errors import InputError
from saddlepoint.core.images import enlarge, grid
from saddlepoint.sampling import direction_sheets
from saddlepoint.sampling.direction_sheets import STEPS, directions_to, walks
from saddlepoint.sampling.directions import principal_directions
from saddlepoint.sampling.generator_file import GeneratorFile
from saddlepoint.sampling.sampler import Sampler

IMAGES = DataSpec(shape=(1, 8, 8), n_classes=3)
SMALL = {"latent_dim": 6, "generator_width": 8, "discriminator_width": 8}
ARCHES: dict[str, Architecture] = {
    "plain": Dcgan(**SMALL),
    "modulated": Dcgan(**SMALL, self_modulation=True),
    "onehot": Dcgan(**SMALL, conditioning="onehot"),
    "every-layer": Dcgan(**SMALL, conditioning="every-layer"),
    "mlp": Mlp(latent_dim=6, generator_widths=(9, 8), discriminator_widths=(8,)),
}


class Linear(Generator):
    """z -> an image of 64 pixels by one matrix, through a hidden layer by another."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.latent_dim = weights.shape[1]
        self.hidden = torch.nn.Parameter(weights)

    def first_layer(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return z @ self.hidden.T + 3

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return torch.tanh(self.first_layer(z)[:, :64].view(-1, 1, 8, 8))


def sampler_of(arch: Architecture, generator: Generator | None = None) -> Sampler:
    """With buffers that are not at their first values."""
    torch.manual_seed(0)
    net = arch.generator(IMAGES) if generator is None else generator
    for _ in range(3):
        net(2 * torch.randn(32, net.latent_dim) + 1, torch.arange(32) % 3)
    content = GeneratorFile(
        arch=arch, spec=IMAGES, classes=(), data="", n_images=0, weights=net.state_dict()
    )
    return Sampler(net, content)


def test_of_a_linear_generator_they_are_the_known_ones() -> None:
    torch.manual_seed(1)
    left, right = (torch.linalg.qr(torch.randn(n, 5, dtype=torch.double))[0] for n in (70, 5))
    lengths = torch.tensor([5.0, 3.0, 2.0, 1.0, 0.5], dtype=torch.double)
    weights = (left * lengths) @ right.T
    found = principal_directions(sampler_of(ARCHES["plain"], Linear(weights.float())))
    known = right.T.numpy()
    signs = np.sign(known[np.arange(5), np.abs(known).argmax(1)])
    np.testing.assert_allclose(found.vectors, known * signs[:, None], atol=1e-5)
    squares = lengths.square().numpy()
    np.testing.assert_allclose(found.explained, squares / squares.sum(), atol=1e-6)
    assert found.vectors.dtype == np.float32


@pytest.mark.parametrize("name", ARCHES)
def test_they_are_what_pca_over_many_latents_and_a_regression_find(name: str) -> None:
    sampler = sampler_of(ARCHES[name])
    label = 1 if sampler.conditional else None
    found = principal_directions(sampler, 6, label)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(6), atol=1e-5)
    assert found.explained.sum() == pytest.approx(1)
    # GANSpace, section 2.2, step by step, with whitened draws instead of very many.
    z, _ = torch.linalg.qr(torch.randn(4000, 6).double())
    z = (z - z.mean(0)) * 4000**0.5
    labels = None if label is None else torch.full((4000,), label)
    with torch.no_grad():
        y = sampler.generator.first_layer(z.float(), labels).flatten(1).double()
    y = y - y.mean(0)
    values, components = torch.linalg.eigh(y.T @ y / len(y))
    x = y @ components.flip(1)[:, :6]
    regressed = torch.linalg.lstsq(x, z).solution * x.std(0)[:, None]
    shares = values.flip(0)[:6] / values.sum()
    np.testing.assert_allclose(found.explained, shares, atol=0.01)
    for index, vector in enumerate(torch.from_numpy(found.vectors).double()):
        gaps = np.delete(found.explained, index) - found.explained[index]
        if np.abs(gaps).min() > 0.03:  # equal components have no directions of their own
            assert abs(float(vector @ regressed[index])) == pytest.approx(1, abs=0.02)


def test_they_depend_on_the_label_only_where_it_scales_the_layer() -> None:
    for name, depends in (("onehot", False), ("every-layer", True)):
        sampler = sampler_of(ARCHES[name])
        one, two = (principal_directions(sampler, 3, label) for label in (0, 2))
        again = principal_directions(sampler, 3, 0)
        assert np.array_equal(one.vectors, again.vectors)
        assert np.allclose(one.vectors, two.vectors, atol=1e-4) != depends


def test_a_direction_that_does_not_exist() -> None:
    plain, labelled = sampler_of(ARCHES["plain"]), sampler_of(ARCHES["onehot"])

    class Foreign(Linear):
        first_layer = Generator.first_layer

        def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
            return torch.zeros(len(z), 1, 8, 8)

    silent = sampler_of(ARCHES["plain"], Linear(torch.zeros(70, 4)))
    broken = sampler_of(ARCHES["plain"], Linear(torch.full((70, 4), torch.nan)))
    foreign = sampler_of(ARCHES["plain"], Foreign(torch.ones(70, 4)))
    for sampler, arguments, words in (
        (plain, (7,), "--directions 7 must be at most 6"),
        (plain, (0,), "at least 1"),
        (plain, (3, 1), "unconditional"),
        (labelled, (3, 5), "--labels 5"),
        (silent, (2,), "ignores z"),
        (broken, (2,), "not finite"),
        (foreign, (2,), "Foreign does not say what its first hidden layer is"),
    ):
        with pytest.raises(InputError, match=words):
            principal_directions(sampler, *arguments)


def test_a_sheet_has_a_row_a_direction_with_the_sample_in_the_middle(tmp_path: Path) -> None:
    sampler = sampler_of(ARCHES["every-layer"])
    made = walks(sampler, principal_directions(sampler, 4, 2), range(3), 2, 1.5)
    assert made.shape == (4, 3, STEPS, 8, 8, 1)
    plain = sampler.images(range(3), [2]).astype(int)
    assert abs(made[:, :, STEPS // 2] - plain).max() <= 1
    vector = torch.from_numpy(principal_directions(sampler, 4, 2).vectors[3])
    moved = sampler.images(sampler.z_of([1]) + 1.5 * vector, [2])[0].astype(int)
    assert abs(made[3, 1, -1] - moved).max() <= 1
    # Truncated after the move, as `saddle sample --move --truncation` does it.
    made = walks(sampler, principal_directions(sampler, 4, 2), range(3), 2, 1.5, 0.5)
    moved = sampler.images(0.5 * (sampler.z_of([1]) + 1.5 * vector), [2])[0].astype(int)
    assert abs(made[3, 1, -1] - moved).max() <= 1

    out = directions_to(sampler, tmp_path / "new" / "all.png", 4, range(3), [2], 1.5)
    again = directions_to(sampler, tmp_path / "again.png", 4, range(3), [2], 1.5)
    assert out.read_bytes() == again.read_bytes()
    with Image.open(out) as picture:
        assert picture.width > 4 * picture.height  # three times seven beside each other
    folder = directions_to(sampler, tmp_path / "folder", 2, [5], [0])
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["direction01.png", "direction02.png", "directions.npz"]
    with np.load(folder / "directions.npz") as file:
        assert np.array_equal(file["vectors"], principal_directions(sampler, 2, 0).vectors)
        rows = walks(sampler, principal_directions(sampler, 2, 0), [5], 0, 2.0)[1, 0]
    sheet = enlarge(grid(rows, STEPS))
    with Image.open(folder / "direction02.png") as picture:
        shown = np.asarray(picture)[: len(sheet), -sheet.shape[1] :]
    assert np.array_equal(shown, sheet[:, :, 0])


@pytest.mark.parametrize(
    ("out", "more", "words"),
    [
        ("a.gif", {}, "unknown suffix"),
        ("full", {}, "not empty"),
        ("a.png", {"labels": [0, 1]}, "names 2 labels"),
        ("a.png", {"deviations": 0.0}, "--deviations 0 must be above 0"),
        ("a.png", {"deviations": float("nan")}, "--deviations nan"),
        ("a.png", {"seeds": range(101)}, "at most 100"),
        ("a.png", {"truncation": float("nan")}, "--truncation nan"),
        ("a.png", {"seeds": [-1]}, "--seeds -1"),
    ],
)
def test_sheets_that_cannot_be(tmp_path: Path, out: str, more: dict[str, Any], words: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    with pytest.raises(InputError, match=words):
        directions_to(sampler_of(ARCHES["onehot"]), tmp_path / out, 2, **more)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_stop_half_way_leaves_nothing_and_the_next_try_is_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = sampler_of(ARCHES["mlp"])
    whole = directions_to(sampler, tmp_path / "whole", 3)

    def stopped(path: Path, image: np.ndarray) -> None:
        if path.name == "direction02.png":
            raise KeyboardInterrupt
        path.write_bytes(b"")

    with monkeypatch.context() as patch:
        patch.setattr(direction_sheets, "write_png", stopped)
        with pytest.raises(KeyboardInterrupt):
            directions_to(sampler, tmp_path / "out", 3)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    again = directions_to(sampler, tmp_path / "out", 3)
    for path in whole.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()
