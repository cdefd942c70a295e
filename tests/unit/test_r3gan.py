"""R3GAN's nets and preset against what the paper and its authors' code say, layer by layer."""

from __future__ import annotations

import math

import pytest
import torch
from test_training import run_steps, small
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, leaky_relu

from saddlepoint.architectures._twice import TwiceConv2d
from saddlepoint.architectures.r3gan import Block, R3gan, R3ganGenerator, Resample, shifted
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.schedules import along_cosine
from saddlepoint.data.sources.digits import Digits
from saddlepoint.losses.gradient_penalties import input_gradient
from saddlepoint.presets import preset
from saddlepoint.training.state import ema_decay


def spec(size: int = 32, channels: int = 3, n_classes: int = 10) -> DataSpec:
    return DataSpec(shape=(channels, size, size), n_classes=n_classes)


# Width, side, conditioning -> widths from 4 px up, groups, millions of parameters of G and D.
PUBLISHED = [
    (768, 32, "embedding", [768] * 4, [96] * 4, (20.78, 21.28)),  # CIFAR-10, conditional
    (768, 64, "none", [768] * 4 + [384], [96] * 4 + [48], (22.43, 22.38)),  # FFHQ-64
    (768, 256, "none", [768] * 4 + [384, 192, 96], [96] * 4 + [48, 24, 12], (23.06, 23.01)),
    (256, 64, "none", [256] * 4 + [128], [32] * 4 + [16], (2.95, 2.94)),
]


@pytest.mark.parametrize(("width", "side", "how", "widths", "groups", "millions"), PUBLISHED)
def test_the_nets_are_as_wide_and_as_large_as_the_published_ones(
    width: int, side: int, how: str, widths: list[int], groups: list[int], millions: tuple
) -> None:
    arch, data = R3gan(width=width, conditioning=how), spec(side)
    assert arch.stage_widths(data) == widths
    with torch.device("meta"):
        nets = arch.generator(data), arch.discriminator(data)
    for net, expected in zip(nets, millions, strict=True):
        blocks = [module for module in net.modules() if isinstance(module, Block)]
        assert [block.mix.groups for block in blocks] == [g for g in groups for _ in range(2)]
        assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(expected, abs=6e-3)
        assert not [m for m in net.modules() if "Norm" in type(m).__name__]
        with_bias = [n.split(".")[-2] for n, _ in net.named_parameters() if n.endswith("bias")]
        assert set(with_bias) == {"widen", "mix"}, "biases belong to a block's two activations"


def test_first_weights_have_the_papers_gains() -> None:
    torch.manual_seed(0)
    arch, data = R3gan(width=128, conditioning="embedding"), spec()
    generator, discriminator = arch.generator(data), arch.discriminator(data)
    gain = math.sqrt(2 / (1 + 0.2**2)) * 8**-0.25  # 8 blocks in each net
    for net in (generator, discriminator):
        for block in (m for m in net.modules() if isinstance(m, Block)):
            assert float(block.widen.weight.detach().std()) == pytest.approx(
                gain / math.sqrt(128), rel=0.03
            )
            assert float(block.mix.weight.detach().std()) == pytest.approx(
                gain / math.sqrt(16 * 9), rel=0.03
            )
            assert not block.narrow.weight.any()
            assert not block.widen.bias.any()
    tables = generator.label.table, discriminator.table
    assert tables[0] is not None
    assert tables[1] is not None
    expected = [
        (generator.basis, 1.0),
        (generator.scale.weight, 128**-0.5),  # 64 of z and 64 of the label
        (generator.head.weight, 128**-0.5),
        (tables[0].weight, 10**-0.5),
        (discriminator.stem.weight, 3**-0.5),
        (discriminator.basis, 1 / 4),
        (discriminator.head.weight, 128**-0.5),
        (tables[1].weight, (128 * 10) ** -0.5),
    ]
    for weight, deviation in expected:
        error = 5 / math.sqrt(2 * weight.numel())
        assert float(weight.detach().std()) == pytest.approx(deviation, rel=error)


def test_a_block_is_its_formula() -> None:
    torch.manual_seed(0)
    block = Block(16, n_blocks=4, n_classes=3)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.3)
    x, labels = torch.randn(2, 16, 5, 5), torch.tensor([2, 0])
    weights = {name: p.detach() for name, p in block.named_parameters()}
    h = conv2d(x, weights["widen.weight"]) + weights["widen.bias"][:, None, None]
    h = leaky_relu(h + weights["shift.weight"][labels][:, :, None, None], 0.2)
    # Each group of 16 channels by itself.
    parts = zip(h.split(16, 1), weights["mix.weight"].split(16), strict=True)
    h = torch.cat([conv2d(part, weight, padding=1) for part, weight in parts], 1)
    h = leaky_relu(h + weights["mix.bias"][:, None, None], 0.2)
    torch.testing.assert_close(block(x, labels), x + conv2d(h, weights["narrow.weight"]))


def test_resampling_is_bilinear_inside_and_has_zeros_around() -> None:
    x = torch.rand(2, 3, 6, 6)
    up, down = Resample(3, up=True), Resample(3, up=False)
    doubled = up(x)
    inside = interpolate(x, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(doubled[:, :, 1:-1, 1:-1], inside[:, :, 1:-1, 1:-1])
    torch.testing.assert_close(doubled[:, :, 0, 0], x[:, :, 0, 0] * 9 / 16)
    torch.testing.assert_close(doubled[:, :, 0, 1:-1], inside[:, :, 0, 1:-1] * 3 / 4)
    # Halving is the same kernel, transposed: its four taps reach beyond the two pixels.
    y = torch.rand(2, 3, 12, 12)
    torch.testing.assert_close((doubled * y).sum(), 4 * (x * down(y)).sum())
    impulse = torch.zeros(1, 3, 12, 12)
    impulse[0, :, 4, 4] = 64
    assert down(impulse)[0, 0].nonzero().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert sorted(down(impulse)[0, 0].flatten().tolist())[-4:] == [1.0, 3.0, 3.0, 9.0]
    # On a GPU without a convolution.
    for given, way in ((x, up), (y, down)):
        torch.testing.assert_close(shifted(shifted(given, 2, way.up), 3, way.up), way(given))
    assert not list(up.parameters())
    assert up.state_dict() == {}, "the kernel is no weight"


@pytest.mark.parametrize(("groups", "side", "stride"), [(1, 1, 1), (4, 3, 1), (2, 4, 2)])
def test_a_convolution_for_two_gradients_has_the_numbers_of_an_ordinary_one(
    groups: int, side: int, stride: int
) -> None:
    torch.manual_seed(0)
    x, found = torch.randn(3, 8, 8, 8, dtype=torch.double), []
    made = nn.Conv2d(8, 8, side, stride, side // 2, groups=groups).double()
    twice = TwiceConv2d(8, 8, side, stride, side // 2, groups=groups).double()
    twice.load_state_dict(made.state_dict())
    for layer in (made, twice):
        images = x.clone().requires_grad_()
        out = layer(images)
        (slopes,) = torch.autograd.grad(out.sin().sum(), images, create_graph=True)
        (slopes.square().sum() + out.sum()).backward()
        found.append([out, slopes, images.grad, *(p.grad for p in layer.parameters())])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs)


def nets(how: str = "none", side: int = 32) -> tuple[R3ganGenerator, nn.Module, DataSpec]:
    """With weights in every layer, as after training."""
    torch.manual_seed(0)
    arch, data = R3gan(width=16, conditioning=how), spec(side, n_classes=10)
    generator, discriminator = arch.generator(data), arch.discriminator(data)
    for net in (generator, discriminator):
        for block in (m for m in net.modules() if isinstance(m, Block)):
            nn.init.normal_(block.narrow.weight, std=0.05)
    return generator, discriminator, data


def test_a_conditional_logit_is_a_product_with_the_labels_vector() -> None:
    generator, discriminator, _ = nets("embedding")
    labels = torch.arange(4)
    images = generator(torch.randn(4, 64), labels)
    logits = discriminator(images, labels)
    with torch.no_grad():
        discriminator.table.weight.mul_(3)
    torch.testing.assert_close(discriminator(images, labels), 3 * logits)


def test_images_between_two_labels_are_those_of_the_labels_at_the_ends() -> None:
    for how in ("onehot", "embedding", "every-layer"):
        generator, _, _ = nets(how)
        z, labels = torch.randn(3, 64), torch.tensor([1, 5, 9])
        shares = nn.functional.one_hot(labels, 10).float()
        torch.testing.assert_close(generator(z, shares), generator(z, labels))


def on_bf16s_grid(values: Tensor) -> bool:
    return torch.equal(values, values.bfloat16().float())


def test_fakes_and_slopes_are_float32_under_bf16() -> None:
    generator, discriminator, _ = nets()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fake = generator(torch.randn(4, 64))
        slope = input_gradient(discriminator, fake, None)
    for values in (fake.detach(), slope.detach()):
        assert values.dtype == torch.float32
        assert not on_bf16s_grid(values)


@pytest.mark.parametrize(("side", "in_bf16"), [(32, [8, 16, 32]), (256, [32, 64, 128, 256])])
def test_the_coarsest_stages_are_float32_under_bf16(side: int, in_bf16: list[int]) -> None:
    for net in nets(side=side)[:2]:
        found: set[int] = set()

        def note(_: nn.Module, __: tuple, output: Tensor, found: set[int] = found) -> None:
            if output.dtype == torch.bfloat16:
                found.add(output.shape[-1])

        for block in (m for m in net.modules() if isinstance(m, Block)):
            block.mix.register_forward_hook(note)
        given = (
            torch.randn(2, 64) if isinstance(net, R3ganGenerator) else torch.rand(2, 3, side, side)
        )
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            net(given)
        assert sorted(found) == in_bf16


def test_what_it_cannot_build_it_refuses_with_what_would_do() -> None:
    with pytest.raises(InputError, match="width=20 must be a multiple of 8"):
        R3gan(width=20)
    for size, near in ((4, 8), (30, 32), (512, 256)):
        with pytest.raises(InputError, match=f"nearest size that can is {near} px"):
            R3gan().check(spec(size))


def test_the_presets_schedules_are_the_papers() -> None:
    """v(n) = final + (base - final) (1 + cos(pi n / N)) / 2 for the learning rate, beta2, the
    penalties and, from 0, the average's half-life."""
    config = preset("r3gan", Digits())
    adam, train = config.optim_g, config.train
    assert [penalty.every for penalty in config.penalties] == [1, 1]
    third = 0.5 * (1 + math.cos(math.pi / 3))
    assert along_cosine(5, 2, 1 / 3) == pytest.approx(2 + 3 * third)
    assert [along_cosine(5, 2, done) for done in (0, 0.5, 1, 7)] == pytest.approx([5, 3.5, 2, 2])
    at = [adam.lr_at(done) / adam.lr for done in (0, 0.5, 1, 2)]
    assert at == pytest.approx([1, 0.625, 0.25, 0.25])  # 2e-4 -> 5e-5
    second = [adam.betas_at(done)[1] for done in (0, 0.5, 1, 2)]
    assert second == pytest.approx([0.9, 0.945, 0.99, 0.99])
    assert train.final_penalty_factor == pytest.approx(0.1)  # 2 -> 0.2
    assert ema_decay(config.ema, 0, 64, 0.0) == 0.0
    assert ema_decay(config.ema, 0, 64, 0.5) == pytest.approx(0.5 ** (64 / 5000))
    assert ema_decay(config.ema, 0, 64, 1.0) == pytest.approx(0.5 ** (64 / 10_000))


def test_the_penalties_fade_and_beta2_rises_over_the_run() -> None:
    config = small("r3gan", train__kimg=0.064)
    state = run_steps(config, 4)
    assert state.optim_d.param_groups[0]["betas"] == config.optim_d.betas_at(48 / 64)
    # At full strength all the time, the weights are others from the second step on.
    for factor, same in ((0.1, True), (1.0, False)):
        other = run_steps(small("r3gan", train__kimg=0.064, train__final_penalty_factor=factor), 4)
        assert torch.equal(state.discriminator.stem.weight, other.discriminator.stem.weight) == same
