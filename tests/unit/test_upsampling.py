"""Upsampling and a convolution as one transposed convolution: the same function, fewer products."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from saddlepoint import api
from saddlepoint.core.contracts import (
    Architecture,
    Conditioning,
    DataSpec,
    Discriminator,
    Generator,
)
from saddlepoint.training.memory import needs
from saddlepoint.training.state import TrainState
from saddlepoint.training.upsampling import fuse


def calls(net: nn.Module, x: Tensor) -> str:
    """Names of the operations of a forward pass."""
    with torch.profiler.profile() as profile:
        net(x)
    return " ".join(event.key for event in profile.key_averages())


def results(net: nn.Module, x: Tensor, slope: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """The maps, all first derivatives, and second derivatives through a penalty on a slope."""
    x = x.clone().requires_grad_()
    inputs = [x, *net.parameters()]
    made = net(x)
    first = torch.autograd.grad(made, inputs, slope(made), retain_graph=True)
    (of_x,) = torch.autograd.grad(made, x, slope(made), create_graph=True)
    second = torch.autograd.grad(of_x.pow(3).sum(), inputs[1])
    return [made.detach(), *first, *second]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[nn.Sequential, Tensor]:
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = draw(
        st.sampled_from(["valid", "same"]) | st.tuples(*(st.integers(0, k - 1) for k in kernel))
    )
    scale = draw(st.sampled_from([2, 2.0, 3, (2, 2)]))
    biased = draw(st.booleans())
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    layers = nn.Upsample(scale_factor=scale), nn.Conv2d(3, 2, kernel, padding=padding, bias=biased)
    return nn.Sequential(*layers, nn.LeakyReLU(0.2)).double(), x


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@given(pairs())
def test_the_same_maps_and_derivatives(pair: tuple[nn.Sequential, Tensor]) -> None:
    net, x = pair
    fused = copy.deepcopy(net)
    fuse(fused)
    for one, two in zip(results(fused, x, torch.cos), results(net, x, torch.cos), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-11, atol=1e-11)


def test_16_products_in_place_of_36() -> None:
    net = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(8, 8, 3, padding=1))
    x = torch.randn(4, 8, 6, 6)
    counts = []
    for _ in range(2):
        with FlopCounterMode(display=False) as counter:
            net(x)
        counts.append(counter.get_total_flops())
        fuse(net)
    assert counts[0] * 16 == counts[1] * 36


def conv(**changes: Any) -> nn.Conv2d:
    settings: dict[str, Any] = {"kernel_size": 3, "padding": 1, **changes}
    return nn.Conv2d(4, 4, **settings)


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Upsample(scale_factor=2, mode="bilinear"), conv()),
        (nn.Upsample(size=(12, 12)), conv()),
        (nn.Upsample(scale_factor=1.5), conv()),
        (nn.Upsample(scale_factor=(2, 3)), conv()),
        (nn.Upsample(scale_factor=2), conv(stride=2)),
        (nn.Upsample(scale_factor=2), conv(dilation=2)),
        (nn.Upsample(scale_factor=2), conv(groups=2)),
        (nn.Upsample(scale_factor=2), conv(padding=3)),
        (nn.Upsample(scale_factor=2), conv(padding_mode="reflect")),
        (nn.Upsample(scale_factor=2), conv(kernel_size=4, padding="same")),
        (nn.Upsample(scale_factor=2), conv(kernel_size=1, padding=0)),
        (nn.Upsample(scale_factor=2), nn.utils.parametrizations.spectral_norm(conv())),
        (nn.Upsample(scale_factor=2), nn.ReLU(), conv()),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_what_does_not_fit_is_computed_as_it_was(layers: tuple[nn.Module, ...]) -> None:
    net, x = nn.Sequential(*layers).eval(), torch.randn(2, 4, 6, 6)
    expected = net(x)
    fuse(net)
    torch.testing.assert_close(net(x), expected, rtol=0, atol=0)
    assert "upsample" in calls(net, x)


def test_a_hook_sees_what_it_saw_before() -> None:
    net = nn.Sequential(nn.Upsample(scale_factor=2), conv())
    fuse(net)
    seen = []
    handle = net[0].register_forward_hook(lambda layer, args, result: seen.append(result.shape))
    net(torch.randn(2, 4, 6, 6))
    assert seen == [(2, 4, 12, 12)]
    handle.remove()
    assert "upsample" not in calls(net, torch.randn(2, 4, 6, 6))


def test_a_copy_computes_with_its_own_weights() -> None:
    net = nn.Sequential(nn.Upsample(scale_factor=2), conv(bias=False))
    fuse(net)
    copied = copy.deepcopy(net)
    for weight in copied.parameters():
        nn.init.zeros_(weight)
    assert not copied(torch.ones(1, 4, 6, 6)).any()
    assert net(torch.ones(1, 4, 6, 6)).any()


class UpsamplingGenerator(Generator):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.latent_dim = 4
        self.layers = nn.Sequential(
            nn.Linear(4, 4 * 14**2),
            nn.Unflatten(1, (4, 14, 14)),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(4, spec.channels, 3, padding=1),
        )

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(z).float().tanh()


class LinearDiscriminator(Discriminator):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(spec.channels * spec.size**2, 1))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(images.contiguous()).float().flatten()


@dataclass(frozen=True, kw_only=True)
class UpsamplingNets(Architecture):
    latent_dim: int = 4
    conditioning: Conditioning = "none"

    def check(self, spec: DataSpec) -> None:
        """Every data will do."""

    def generator(self, spec: DataSpec) -> Generator:
        return UpsamplingGenerator(spec)

    def discriminator(self, spec: DataSpec) -> Discriminator:
        return LinearDiscriminator(spec)


def test_nets_in_training_are_fused_and_what_is_sampled_is_not() -> None:
    config = api.configure("gan", "fashion-mnist", changes={"train.device": "cpu"})
    state = TrainState.new(replace(config, arch=UpsamplingNets()), DataSpec(shape=(1, 28, 28)))
    z = torch.randn(2, 4)
    assert "upsample" not in calls(state.generator, z)
    assert "upsample" in calls(state.ema, z)
    assert list(state.generator.state_dict()) == list(state.ema.state_dict())
    torch.testing.assert_close(state.generator(z), state.ema(z))


def test_the_estimate_of_memory_is_of_the_nets_as_they_are_trained() -> None:
    steps = {}
    for device in ("cpu", "cuda"):
        config = api.configure("gan", "fashion-mnist", changes={"train.device": device})
        config = replace(config, arch=UpsamplingNets(), train=replace(config.train, graphs="off"))
        steps[device] = needs(config, DataSpec(shape=(1, 28, 28)))[2]
    # Upsampled, 64 maps of 4 x 28 x 28 take 800 kB.
    assert steps["cuda"] - steps["cpu"] > 700_000
