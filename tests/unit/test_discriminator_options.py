"""Packing, the batch's deviation, spectral norm, depth, residuals; noise and augmentation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from saddlepoint.architectures._layers import (
    Residual,
    normalise_spectrally,
    pack,
    with_stddev,
)
from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.config import Augment, Config, Train
from saddlepoint.core.contracts import Architecture, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.data.augment import differentiable
from saddlepoint.data.loader import DeviceData
from saddlepoint.data.sources.digits import Digits
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.losses.classic import NonSaturating
from saddlepoint.training.loop import iterate
from saddlepoint.training.optimizers import Adam
from saddlepoint.training.state import TrainState
from saddlepoint.training.steps import Sums, instance_noise, shown

IMAGES = DataSpec(shape=(1, 12, 12))
BOTH = pytest.mark.parametrize("kind", ["dcgan", "mlp"])


def arch(kind: str, **fields: Any) -> Architecture:
    if kind == "mlp":
        widths = {"generator_widths": (16,), "discriminator_widths": (16, 16)}
        return Mlp(latent_dim=4, **{**widths, **fields})
    widths = {"generator_width": 8, "discriminator_width": 8, "discriminator_norm": "none"}
    return Dcgan(latent_dim=4, **{**widths, **fields})


# -- packing -------------------------------------------------------------------------------


def test_a_pack_is_an_item_beside_those_that_follow_it() -> None:
    x = torch.arange(4.0).view(4, 1)
    assert pack(x, 1) is x
    assert pack(x, 3).tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 0], [3, 0, 1]]
    images = torch.randn(5, 3, 2, 2)
    assert pack(images, 2).shape == (5, 6, 2, 2)


@BOTH
def test_a_packed_discriminator_sees_that_a_batch_repeats_itself(kind: str) -> None:
    """The same image gets another logit among copies of itself; unpacked, it cannot."""
    image = torch.randn(1, 1, 12, 12)
    varied = torch.cat([image, torch.randn(3, 1, 12, 12)])
    for packing, changes in ((1, False), (2, True)):
        d = arch(kind, packing=packing).discriminator(IMAGES).eval()
        alone, among = d(image.expand(4, -1, -1, -1))[0], d(varied)[0]
        assert (abs(alone - among) > 1e-6).item() == changes


# -- the batch's deviation -----------------------------------------------------------------


def test_the_deviation_is_the_mean_of_all_standard_deviations() -> None:
    features = torch.randn(6, 3, 2, 2)
    found = with_stddev(features)
    assert found.shape == (6, 4, 2, 2)
    torch.testing.assert_close(found[:, :3], features)
    expected = features.var(0, correction=0).sqrt().mean()
    torch.testing.assert_close(found[:, 3], expected.expand(6, 2, 2))


def test_equal_items_have_a_finite_gradient() -> None:
    features = torch.ones(4, 5, requires_grad=True)
    with_stddev(features).sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


@BOTH
def test_a_discriminator_with_stddev_sees_how_far_a_batch_spreads(kind: str) -> None:
    image = torch.randn(1, 1, 12, 12)
    near, far = (torch.cat([image, image + s * torch.randn(7, 1, 12, 12)]) for s in (0.01, 3.0))
    d = arch(kind, minibatch_stddev=True).discriminator(IMAGES).eval()
    assert abs(d(near)[0] - d(far)[0]) > 1e-6


# -- spectral norm -------------------------------------------------------------------------


@BOTH
def test_every_layers_largest_singular_value_becomes_one(kind: str) -> None:
    d = arch(kind, discriminator_norm="spectral").discriminator(IMAGES)
    for _ in range(30):  # a power iteration each
        d(torch.randn(2, 1, 12, 12))
    layers = [m for m in d.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert len(layers) >= 2
    for layer in layers:
        sigma = torch.linalg.svdvals(layer.weight.flatten(1))[0]
        assert sigma.item() == pytest.approx(1.0, abs=0.02)


def test_a_spectrally_normalised_net_of_1_lipschitz_parts_is_1_lipschitz() -> None:
    d = arch("mlp", discriminator_norm="spectral").discriminator(IMAGES)
    for layer in [m for m in d.modules() if isinstance(m, nn.Linear)]:
        layer.parametrizations.weight.original.data.mul_(50)  # type: ignore[union-attr, operator]
    for _ in range(30):
        d(torch.randn(2, 1, 12, 12))
    a, b = torch.randn(2, 64, 1, 12, 12)
    slopes = (d(a) - d(b)).abs() / (a - b).flatten(1).norm(dim=1)
    assert slopes.max() <= 1.01


def test_normalising_keeps_the_direction_of_the_weights() -> None:
    layer = nn.Linear(6, 3)
    before = layer.weight.detach().clone()
    net = nn.Sequential(layer)
    normalise_spectrally(net)
    for _ in range(30):
        net(torch.randn(2, 6))
    after = layer.weight.detach()
    torch.testing.assert_close(after, before * (after.norm() / before.norm()))


# -- depth ---------------------------------------------------------------------------------


def test_a_shallow_discriminator_has_fewer_stages_and_still_judges() -> None:
    spec = DataSpec(shape=(1, 32, 32))
    for depth, stages in ((0, 3), (1, 1), (2, 2), (9, 3)):
        d = arch("dcgan", discriminator_depth=depth).discriminator(spec)
        assert len(d.stages) == stages  # type: ignore[arg-type]
        assert d(torch.randn(2, 1, 32, 32)).shape == (2,)


# -- residuals -----------------------------------------------------------------------------


def test_a_residual_adds_a_convolution_of_the_activated_input() -> None:
    x, layer = torch.randn(2, 3, 5, 5), Residual(3)
    nn.init.dirac_(layer.conv.weight)  # the convolution that changes nothing
    torch.testing.assert_close(layer(x), x + nn.functional.leaky_relu(x, 0.2))


def test_a_residual_starts_next_to_nothing_and_learns() -> None:
    x, layer = torch.randn(2, 8, 5, 5), Residual(8)
    torch.testing.assert_close(layer(x), x, atol=0.1, rtol=0)
    layer(x).square().sum().backward()
    assert layer.conv.weight.grad is not None
    assert layer.conv.weight.grad.norm() > 0.1


@pytest.mark.parametrize("init", ["dcgan", "he"])
def test_the_last_stages_have_residuals_whatever_the_rest_starts_from(init: str) -> None:
    spec = DataSpec(shape=(1, 32, 32))
    for asked, found in ((0, [0, 0, 0]), (2, [0, 1, 1]), (9, [1, 1, 1])):
        d = arch("dcgan", discriminator_residuals=asked, init=init).discriminator(spec)
        layers = list(d.residuals)  # type: ignore[arg-type]
        assert [isinstance(layer, Residual) for layer in layers] == [bool(n) for n in found]
        assert all(layer.conv.weight.std() < 0.002 for layer in layers if hasattr(layer, "conv"))
        assert d(torch.randn(2, 1, 32, 32)).shape == (2,)


# -- what the discriminator sees -----------------------------------------------------------


def config(**fields: Any) -> Config:
    train = Train(kimg=1, batch_size=8, device="cpu", precision="fp32")
    base = Config(
        source=Digits(),
        arch=arch("mlp"),
        loss=NonSaturating(),
        optim_g=Adam(),
        optim_d=Adam(),
        train=replace(train, **{k: v for k, v in fields.items() if k == "instance_noise"}),
    )
    augment = Augment(**{k: v for k, v in fields.items() if k != "instance_noise"})
    return replace(base, augment=augment)


def test_instance_noise_has_its_deviation_and_falls_to_none() -> None:
    images, noisy = torch.zeros(64, 1, 8, 8), config(instance_noise=0.4)
    for n_images, deviation in ((0, 0.4), (500, 0.2), (1000, 0.0)):
        seen = shown(images, noisy, instance_noise(noisy, n_images))
        assert seen.std().item() == pytest.approx(deviation, rel=0.05)
    assert shown(images, config(), instance_noise(config(), 0)) is images


def test_translation_moves_whole_images_by_whole_pixels() -> None:
    image = torch.rand(1, 1, 8, 8) + 1  # 0 comes from outside alone
    found = differentiable(Augment(translation=0.25), image.expand(200, -1, -1, -1))
    shifts = set()
    for moved in found:
        match = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if torch.equal(moved, _shifted(image[0], dy, dx))
        ]
        assert len(match) == 1
        shifts.add(match[0])
    assert len(shifts) == 25


def _shifted(image: torch.Tensor, dy: int, dx: int) -> torch.Tensor:
    """image [c, h, w] moved up by dy and left by dx, with 0 from outside."""
    wide = nn.functional.pad(image, (2, 2, 2, 2))
    return wide[:, 2 + dy : 10 + dy, 2 + dx : 10 + dx]


def test_cutout_leaves_a_square_hole_of_its_size_or_less_at_the_border() -> None:
    found = differentiable(Augment(cutout=0.5), torch.ones(300, 2, 8, 8))
    holes = (found == 0).all(1)
    assert torch.equal(found == 0, holes[:, None].expand(-1, 2, -1, -1))
    areas = holes.flatten(1).sum(1)
    assert areas.max() == 16
    assert areas.min() >= 4


def test_the_gradient_goes_through_to_what_is_seen_and_nowhere_else() -> None:
    images = torch.ones(5, 1, 8, 8, requires_grad=True)
    found = differentiable(Augment(translation=0.125, cutout=0.5), images)
    found.sum().backward()
    assert images.grad is not None
    assert images.grad.sum() == found.sum()
    assert set(images.grad.unique().tolist()) == {0.0, 1.0}


def test_points_can_be_made_noisy_but_not_cut() -> None:
    points = replace(config(cutout=0.5), source=Ring8())
    with pytest.raises(InputError, match=r"augment\.cutout=0\.5 change images"):
        points.check(Ring8().open().spec)
    with pytest.raises(InputError, match="translation"):
        Augment(translation=0.6)


@pytest.mark.parametrize(
    "fields", [{"instance_noise": 0.2}, {"translation": 0.125, "cutout": 0.4}], ids=str
)
def test_a_step_with_either_is_a_function_of_the_seed(fields: dict[str, Any]) -> None:
    found = []
    for _ in range(2):
        chosen = config(**fields)
        dataset = chosen.source.open()
        state, sums = TrainState.new(chosen, dataset.spec), Sums()
        iterate(state, chosen, DeviceData(dataset, "cpu", 0), sums)
        iterate(state, chosen, DeviceData(dataset, "cpu", 0), sums)
        found.append(sums.take())
    assert found[0] == found[1]
