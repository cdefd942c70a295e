"""Features of the caller's own torch module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import saddlepoint as sp
from saddlepoint import api
from saddlepoint.core.errors import InputError
from saddlepoint.core.registry import get
from saddlepoint.data.sources.digits import Digits
from saddlepoint.evaluation.bank import bank_of
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.extractors.pixels import Pixels
from saddlepoint.evaluation.sets import subset_of


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class Net(nn.Module):
    """Convolution, BatchNorm and dropout, whose two modes differ."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.dropout = nn.Dropout()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return self.dropout(self.norm(self.conv(x))).flatten(2).amax(2)


def test_it_sees_images_in_range_and_is_left_as_it_was() -> None:
    net = Net()
    net.norm.eval()
    digits = Digits().open()
    loaded, said = choose_extractor(net, digits)
    vectors = loaded(torch.from_numpy(np.array(digits.images[:40]))).vectors
    assert vectors.shape == (40, 6)
    assert not vectors.requires_grad
    assert all(x.shape == (32, 1, 8, 8) and x.dtype == torch.float32 for x in net.seen)
    assert torch.equal(net.seen[-2][:, 0], torch.tensor(digits.images[:32, :, :, 0]) / 127.5 - 1)
    assert [part.training for part in (net, net.conv, net.norm, net.dropout)] == [
        True, True, False, True,
    ]  # fmt: skip
    assert int(net.norm.num_batches_tracked) == 0
    protocol = loaded.protocol
    assert (protocol["kind"], protocol["class"], protocol["dim"]) == ("module", "Net", 6)
    assert protocol["sha256"][:12] in said
    with torch.no_grad():
        net.conv.weight[0, 0, 0, 0] += 1
    assert choose_extractor(net, digits)[0].protocol["sha256"] != protocol["sha256"]


def test_features_do_not_depend_on_the_batch() -> None:
    digits = Digits().open()
    loaded, _ = choose_extractor(Net(), digits)
    images = torch.from_numpy(np.array(digits.images[:70]))
    whole = loaded(images).vectors
    assert torch.equal(loaded(images[66:67]).vectors, whole[66:67])
    assert torch.equal(loaded(images[5:50]).vectors, whole[5:50])


def test_the_verbs_take_it() -> None:
    digits = Digits().open()
    real, fake = digits.images[:300], digits.images[300:600]
    plain = sp.score_images(real, fake, features="pixels")
    same = sp.score_images(real, fake, features=nn.Flatten())
    assert same["fid"] == pytest.approx(plain["fid"], rel=1e-9)
    assert same["precision"] == plain["precision"]
    assert sp.score_images(real, fake, features=Pixels()) == plain


def test_evaluate_takes_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "fake.npz", images=Digits().open().images[:50])
    document, _ = api.evaluate(
        tmp_path / "fake.npz", "digits", features=nn.Flatten(), n=50, n_bootstrap=0, quiet=True
    )
    assert document["protocol"]["features"]["class"] == "Flatten"


class Scaled(nn.Module):
    """Its state dict does not tell the factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x.flatten(1)


def test_cached_features_of_other_code_are_not_taken() -> None:
    digits = Digits().open()
    images = subset_of(digits, 50, 0, {})
    once, twice = (choose_extractor(Scaled(factor), digits)[0] for factor in (1.0, 2.0))
    assert once.protocol == twice.protocol
    vectors = bank_of(images, once).features.vectors
    assert torch.equal(bank_of(images, twice).features.vectors, 2 * vectors)


class Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) + torch.rand(1)


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (nn.Conv2d(3, 4, 3), r"Conv2d fails on float32 \[32, 1, 8, 8\] with RuntimeError"),
        (nn.Conv2d(1, 4, 3), r"Conv2d returns \[32, 4, 6, 6\] for .* floats \[32, d\]"),
        (nn.Flatten(0), r"Flatten returns \[2048\]"),
        (nn.LSTM(8, 4), "LSTM fails on"),
        (Noisy(), "Noisy returns different features for the same images"),
    ],
    ids=["fails", "maps", "flat", "foreign", "random"],
)
def test_a_module_that_will_not_do_is_named(net: nn.Module, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        choose_extractor(net, Digits().open())
    assert "\n" not in str(caught.value)


def test_points_are_shown_as_they_are() -> None:
    points = get("source", "ring8")(n_points=100).open()
    loaded, _ = choose_extractor(nn.Identity(), points)
    some = torch.from_numpy(np.array(points.images[:40]))
    assert torch.equal(loaded(some).vectors, some)
