"""The two families of nets: shapes, initialisation, normalisation, gradients, storage."""

from __future__ import annotations

from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from saddlepoint.architectures._layers import Modulation
from saddlepoint.architectures._sizes import halvings
from saddlepoint.architectures.conditioning import ConditionalBatchNorm
from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.architectures.r3gan import R3gan
from saddlepoint.core.contracts import Architecture, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.unfilled import unfilled

POINTS = DataSpec(shape=(2,), value_range=None)
CHANNELS = pytest.mark.parametrize("channels", [1, 3])


def small_dcgan(**fields: Any) -> Dcgan:
    widths: dict[str, Any] = {"generator_width": 4, "discriminator_width": 4, "max_width": 8}
    return Dcgan(latent_dim=8, **{**widths, **fields})


def small_mlp(**fields: Any) -> Mlp:
    return Mlp(latent_dim=8, generator_widths=(16, 16), discriminator_widths=(16,), **fields)


def image_spec(size: int, channels: int = 1, n_classes: int = 0) -> DataSpec:
    return DataSpec(shape=(channels, size, size), n_classes=n_classes)


def normalisations(net: nn.Module) -> list[nn.Module]:
    kinds = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
    return [module for module in net.modules() if isinstance(module, kinds)]


def leaves_in_order(net: nn.Module, *inputs: Tensor) -> list[nn.Module]:
    """The modules without children, in the order in which a forward pass uses them."""
    order: list[nn.Module] = []
    hooks = [
        module.register_forward_hook(lambda module, _, __: order.append(module))
        for module in net.modules()
        if not list(module.children())
    ]
    net(*inputs)
    for hook in hooks:
        hook.remove()
    return order


class Drawn(TorchDispatchMode):
    """The names of the operations that fill a tensor with random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if any(word in str(func) for word in ("normal", "uniform", "rand")):
            self.names.append(str(func))
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("net", [small_dcgan(), small_mlp(), R3gan(width=8)], ids=str)
def test_a_net_that_is_not_filled_has_all_shapes_and_draws_nothing(net: Architecture):
    spec = image_spec(16, n_classes=3)
    with Drawn() as drawn:
        filled = net.generator(spec), net.discriminator(spec)
    assert drawn.names
    with unfilled(), Drawn() as drawn:
        empty = net.generator(spec), net.discriminator(spec)
    assert drawn.names == []
    for one, other in zip(filled, empty, strict=True):
        tensors = other.state_dict()
        assert {tensor.device.type for tensor in tensors.values()} == {"meta"}
        assert {n: t.shape for n, t in tensors.items()} == {
            n: t.shape for n, t in one.state_dict().items()
        }


WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)

# -- sizes ---------------------------------------------------------------------------------


@CHANNELS
@pytest.mark.parametrize("full_resolution", [False, True])
@pytest.mark.parametrize("size", [8, 10, 12, 14, 28, 32, 40, 64, 96, 128])
def test_dcgan_makes_and_judges_images_of_the_datas_size(
    size: int, channels: int, full_resolution: bool
) -> None:
    arch, spec = small_dcgan(full_resolution=full_resolution), image_spec(size, channels)
    arch.check(spec)
    generator = arch.generator(spec)
    images = generator(torch.randn(2, generator.latent_dim))
    assert images.shape == (2, channels, size, size)
    assert arch.discriminator(spec)(images).shape == (2,)


def test_dcgan_reaches_256_px() -> None:
    arch, spec = small_dcgan(), image_spec(256, 3)
    arch.check(spec)
    images = arch.generator(spec)(torch.randn(2, 8))
    assert images.shape == (2, 3, 256, 256)
    assert arch.discriminator(spec)(images).shape == (2,)


@pytest.mark.parametrize(("size", "plan"), [(8, (4, 1)), (28, (7, 2)), (40, (5, 3)), (96, (6, 4))])
def test_a_size_is_halved_down_to_a_base_of_4_to_7(size: int, plan: tuple[int, int]) -> None:
    assert halvings(size) == plan


REACHABLE = {base * 2**n for base in (4, 5, 6, 7) for n in range(1, 7)} & set(range(8, 257))


@given(st.integers(1, 600))
def test_a_size_is_refused_exactly_when_doubling_cannot_reach_it(size: int) -> None:
    if size in REACHABLE:
        Dcgan().check(image_spec(size))
    else:
        distance = min(abs(size - reachable) for reachable in REACHABLE)
        near = max(s for s in REACHABLE if abs(size - s) == distance)
        with pytest.raises(InputError, match=rf"{size} px cannot .* nearest .* is {near} px"):
            Dcgan().check(image_spec(size))


@CHANNELS
@pytest.mark.parametrize("size", [4, 9, 28, 30])
def test_mlp_makes_and_judges_images_of_any_size(size: int, channels: int) -> None:
    arch, spec = small_mlp(), image_spec(size, channels)
    arch.check(spec)
    images = arch.generator(spec)(torch.randn(2, 8))
    assert images.shape == (2, channels, size, size)
    assert arch.discriminator(spec)(images).shape == (2,)


@pytest.mark.parametrize("size", [3, 257])
def test_mlp_refuses_sizes_outside_its_range(size: int) -> None:
    with pytest.raises(InputError, match=f"{size} px"):
        Mlp().check(image_spec(size))


def test_mlp_learns_points_and_dcgan_refuses_them() -> None:
    Mlp().check(POINTS)
    points = small_mlp().generator(POINTS)(torch.randn(5, 8))
    assert points.shape == (5, 2)
    assert small_mlp().discriminator(POINTS)(points).shape == (5,)
    with pytest.raises(InputError, match="mlp"):
        Dcgan().check(POINTS)


# -- range ---------------------------------------------------------------------------------


@pytest.mark.parametrize("arch", [small_dcgan(), small_mlp()], ids=["dcgan", "mlp"])
def test_images_fill_the_range_of_the_data_on_both_sides_of_zero(arch: Architecture) -> None:
    generator = arch.generator(image_spec(8))
    images = generator(torch.randn(16, 8))
    assert images.abs().max() <= 1
    assert images.min() < 0 < images.max()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(50)
    images = generator(torch.randn(64, 8))
    assert images.min() < -0.99
    assert images.max() > 0.99


def test_points_are_not_squeezed_into_a_range() -> None:
    generator = small_mlp().generator(POINTS)
    with torch.no_grad():
        generator.head.weight.mul_(1000)
    assert generator(torch.randn(64, 8)).abs().max() > 10


# -- initialisation ------------------------------------------------------------------------


def test_dcgans_weights_start_as_in_the_paper() -> None:
    arch, spec = Dcgan(), image_spec(32)
    for net in (arch.generator(spec), arch.discriminator(spec)):
        for module in net.modules():
            if isinstance(module, WEIGHTED):
                n = module.weight.numel()
                assert module.weight.std().item() == pytest.approx(0.02, rel=5 / n**0.5)
                assert abs(module.weight.mean().item()) < 5 * 0.02 / n**0.5
                assert module.bias is None or not module.bias.any()
        gains = torch.cat([norm.weight.flatten() for norm in normalisations(net)])  # type: ignore[union-attr]
        assert gains.mean().item() == pytest.approx(1.0, abs=0.01)
        assert gains.std().item() == pytest.approx(0.02, rel=0.2)


def test_conditional_gains_start_as_the_plain_ones_do() -> None:
    norm = ConditionalBatchNorm(64, n_classes=10)
    assert norm.gain is not None
    assert norm.bias is not None
    assert norm.gain.weight.mean().item() == pytest.approx(1.0, abs=0.01)
    assert norm.gain.weight.std().item() == pytest.approx(0.02, rel=0.2)
    assert not norm.bias.weight.any()


def test_he_initialisation_keeps_the_signals_size_without_normalisation() -> None:
    spec = image_spec(64, 3)
    images = torch.randn(8, 3, 64, 64)

    def spread(init: Any) -> float:
        arch = Dcgan(discriminator_norm="none", init=init, discriminator_width=32)
        return arch.discriminator(spec)(images).std().item()

    assert 0.2 < spread("he") < 5
    assert spread("dcgan") < 0.05


@pytest.mark.parametrize("arch", [small_dcgan(), small_mlp()], ids=["dcgan", "mlp"])
def test_one_seed_gives_one_set_of_weights(arch: Architecture) -> None:
    def weights(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        spec = image_spec(8)
        nets = (arch.generator(spec), arch.discriminator(spec))
        return [p for net in nets for p in net.state_dict().values()]

    pairs = list(zip(weights(3), weights(3), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not all(torch.equal(a, b) for a, b in zip(weights(3), weights(4), strict=True))


# -- normalisation -------------------------------------------------------------------------


@pytest.mark.parametrize("full_resolution", [False, True])
def test_dcgan_does_not_normalise_next_to_the_images(full_resolution: bool) -> None:
    arch, spec = small_dcgan(full_resolution=full_resolution), image_spec(32)
    generator, discriminator = arch.generator(spec), arch.discriminator(spec)
    assert normalisations(generator)
    assert normalisations(discriminator)
    used = leaves_in_order(discriminator, torch.randn(4, 1, 32, 32))
    used = [m for m in used if isinstance(m, WEIGHTED) or m in normalisations(discriminator)]
    assert isinstance(used[0], WEIGHTED)
    assert isinstance(used[1], WEIGHTED), "BatchNorm after the discriminator's first layer"
    used = leaves_in_order(generator, torch.randn(4, 8))
    used = [m for m in used if isinstance(m, WEIGHTED) or m in normalisations(generator)]
    assert isinstance(used[-1], WEIGHTED), "BatchNorm after the generator's last layer"


@pytest.mark.parametrize("conditioning", ["none", "onehot", "embedding", "every-layer"])
def test_a_discriminator_without_norm_judges_each_sample_by_itself(conditioning: Any) -> None:
    spec = image_spec(32, 3, n_classes=4)
    arch = small_dcgan(discriminator_norm="none", init="he", conditioning=conditioning)
    discriminator = arch.discriminator(spec).train()
    assert normalisations(discriminator) == []
    images, labels = torch.randn(6, 3, 32, 32), torch.tensor([0, 1, 2, 3, 0, 1])
    alone = torch.cat([discriminator(images[i : i + 1], labels[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(discriminator(images, labels), alone, rtol=1e-4, atol=1e-5)


def test_a_discriminator_with_batch_norm_does_not() -> None:
    discriminator = small_dcgan().discriminator(image_spec(32)).train()
    images = torch.randn(6, 1, 32, 32)
    others = torch.cat([images[:1], torch.randn(5, 1, 32, 32) * 3])
    assert (discriminator(images)[0] - discriminator(others)[0]).abs() > 1e-6


def test_mlp_discriminator_judges_each_sample_by_itself() -> None:
    discriminator = small_mlp().discriminator(image_spec(8)).train()
    assert normalisations(discriminator) == []
    images = torch.randn(6, 1, 8, 8)
    alone = torch.cat([discriminator(image) for image in images.split(1)])
    torch.testing.assert_close(discriminator(images), alone)


@pytest.mark.parametrize("arch", [small_dcgan(dropout=0.5), small_mlp(dropout=0.5)])
def test_dropout_acts_on_the_discriminator_in_training_only(arch: Architecture) -> None:
    discriminator, images = arch.discriminator(image_spec(8)), torch.randn(8, 1, 8, 8)
    assert not torch.equal(discriminator(images), discriminator(images))
    discriminator.eval()
    assert torch.equal(discriminator(images), discriminator(images))


# -- fields --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (Dcgan, "latent_dim", 0),
        (Dcgan, "generator_width", 0),
        (Dcgan, "dropout", 1.0),
        (Mlp, "latent_dim", 0),
        (Mlp, "generator_widths", ()),
        (Mlp, "discriminator_widths", (16, 0)),
        (Mlp, "dropout", -0.1),
    ],
)
def test_values_out_of_range_are_refused_by_name(
    cls: type[Architecture], field: str, value: Any
) -> None:
    with pytest.raises(InputError, match=field):
        cls(**{field: value})


def test_no_stage_is_wider_than_max_width() -> None:
    arch, spec = Dcgan(generator_width=8, discriminator_width=8, max_width=16), image_spec(64)
    for net in (arch.generator(spec), arch.discriminator(spec)):
        widths = [m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)]
        widths += [m.in_channels for m in net.modules() if isinstance(m, nn.ConvTranspose2d)]
        assert max(widths) == 16


# -- storage -------------------------------------------------------------------------------


def test_a_trained_generator_survives_safetensors_with_its_statistics() -> None:
    arch, spec = small_dcgan(), image_spec(16)
    generator = arch.generator(spec)
    for _ in range(3):
        generator(torch.randn(16, 8) * 3)  # moves BatchNorm's running statistics
    stored = safetensors.torch.save(generator.state_dict())
    again = arch.generator(spec)
    again.load_state_dict(safetensors.torch.load(stored))
    z = torch.randn(4, 8)
    assert torch.equal(generator.eval()(z), again.eval()(z))


def test_modulation_is_linear_in_the_latent_and_starts_next_to_nothing() -> None:
    layer, x, z = Modulation(latent_dim=5, width=3), torch.randn(2, 3, 4, 4), torch.randn(2, 5)
    torch.testing.assert_close(layer(x, z), x, atol=1, rtol=0.2)
    nn.init.zeros_(layer.linear.weight)
    nn.init.constant_(layer.linear.bias[:3], 0.5)  # the gains
    nn.init.constant_(layer.linear.bias[3:], -2.0)
    torch.testing.assert_close(layer(x, z), 1.5 * x - 2)


@pytest.mark.parametrize("modulated", [True, False])
def test_a_modulated_generator_sees_the_latent_at_every_stage(modulated: bool) -> None:
    """Its first layer blind to z, it still makes different images; one without cannot."""
    net = small_dcgan(self_modulation=modulated).generator(image_spec(16)).eval()
    nn.init.zeros_(net.project.weight)
    with torch.no_grad():
        a, b = net(torch.randn(2, 8))
    assert torch.equal(a, b) != modulated
