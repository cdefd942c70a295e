"""The label enters where it says, and the nets really follow it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from saddlepoint.architectures.conditioning import ConditionalBatchNorm, LabelInput, Projection
from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.contracts import Architecture, DataSpec

SPEC = DataSpec(shape=(1, 16, 16), n_classes=5)
FAMILIES = {
    "dcgan": lambda how: Dcgan(
        latent_dim=8, generator_width=8, discriminator_width=8, max_width=16, conditioning=how
    ),
    "mlp": lambda how: Mlp(
        latent_dim=8, generator_widths=(16, 16), discriminator_widths=(16,), conditioning=how
    ),
}
families = pytest.mark.parametrize("family", FAMILIES)
ways = pytest.mark.parametrize("how", ["onehot", "embedding", "every-layer"])
at_the_input = pytest.mark.parametrize("how", ["onehot", "embedding"])
LABELS = torch.tensor([0, 1, 2, 3, 4, 0])


def build(family: str, how: str) -> Architecture:
    return FAMILIES[family](how)


def first_input(net: nn.Module, *inputs: Tensor) -> Tensor:
    """What the first weighted layer of a net receives."""
    seen: list[Tensor] = []
    weighted = [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    hooks = [
        layer.register_forward_pre_hook(lambda _, args: seen.append(args[0])) for layer in weighted
    ]
    net(*inputs)
    for hook in hooks:
        hook.remove()
    return seen[0]


# -- whole nets ----------------------------------------------------------------------------


@families
@ways
def test_the_label_changes_the_image(family: str, how: str) -> None:
    generator = build(family, how).generator(SPEC).eval()
    z = torch.randn(1, 8).expand(5, -1)
    images = generator(z, torch.arange(5)).flatten(1)
    apart = torch.cdist(images, images) + torch.eye(5)
    assert apart.min() > 1e-4, "two classes give one image"


@families
@ways
def test_the_label_changes_the_logit(family: str, how: str) -> None:
    discriminator = build(family, how).discriminator(SPEC).eval()
    logits = discriminator(torch.randn(1, 1, 16, 16).expand(5, -1, -1, -1), torch.arange(5))
    assert logits.sort().values.diff().min() > 1e-7, "two classes give one logit"


@families
def test_without_conditioning_labels_are_ignored(family: str) -> None:
    arch = build(family, "none")
    generator, discriminator = arch.generator(SPEC).eval(), arch.discriminator(SPEC).eval()
    z, images = torch.randn(6, 8), torch.randn(6, 1, 16, 16)
    assert torch.equal(generator(z, LABELS), generator(z))
    assert torch.equal(discriminator(images, LABELS), discriminator(images))


@families
@ways
def test_every_sample_follows_its_own_label(family: str, how: str) -> None:
    """Exchanging two samples with their labels exchanges their results."""
    arch = build(family, how)
    generator, discriminator = arch.generator(SPEC).eval(), arch.discriminator(SPEC).eval()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    z, images = torch.randn(6, 8), torch.randn(6, 1, 16, 16)
    torch.testing.assert_close(
        generator(z[order], LABELS[order]), generator(z, LABELS)[order], rtol=1e-4, atol=1e-6
    )
    torch.testing.assert_close(
        discriminator(images[order], LABELS[order]),
        discriminator(images, LABELS)[order],
        rtol=1e-4,
        atol=1e-6,
    )


# -- at the input --------------------------------------------------------------------------


@families
@at_the_input
def test_the_label_is_beside_the_input_of_both_nets(family: str, how: str) -> None:
    arch = build(family, how)
    for net, x in (
        (arch.generator(SPEC), torch.randn(6, 8)),
        (arch.discriminator(SPEC), torch.randn(6, 1, 16, 16)),
    ):
        inner = first_input(net, x, LABELS)
        x = x if inner.dim() == x.dim() else x.flatten(1)
        assert torch.equal(inner[:, : x.shape[1]], x)
        code = (
            inner[:, x.shape[1] :].flatten(2)[:, :, 0] if x.dim() == 4 else inner[:, x.shape[1] :]
        )
        assert torch.equal(code[0], code[5]), "one class, two codes"
        assert torch.cdist(code[:5], code[:5]).add(torch.eye(5)).min() > 0
        if how == "onehot":
            assert torch.equal(code, torch.eye(5)[LABELS])


def test_a_label_is_laid_as_whole_planes_beside_an_image() -> None:
    found = LabelInput("onehot", 3, 0).beside(torch.randn(2, 1, 4, 4), torch.tensor([2, 0]))
    assert found.shape == (2, 4, 4, 4)
    assert (found[0, 3] == 1).all()
    assert (found[0, 1:3] == 0).all()
    assert (found[1, 1] == 1).all()


def test_an_embedding_is_learnt_and_a_unit_vector_is_not() -> None:
    assert list(LabelInput("onehot", 3, 7).parameters()) == []
    label = LabelInput("embedding", 3, 7)
    label.beside(torch.zeros(2, 1), torch.tensor([2, 0])).sum().backward()
    assert label.table is not None
    assert label.table.weight.grad is not None
    assert torch.equal(label.table.weight.grad.sum(1), torch.tensor([7.0, 0.0, 7.0]))


# -- in every layer ------------------------------------------------------------------------


@families
def test_every_norm_layer_of_the_generator_follows_the_label(family: str) -> None:
    generator = build(family, "every-layer").generator(SPEC).eval()
    calls: dict[str, tuple[Any, Any]] = {}
    norms = {n: m for n, m in generator.named_modules() if isinstance(m, ConditionalBatchNorm)}
    for name, norm in norms.items():
        norm.register_forward_pre_hook(lambda _, args, name=name: calls.update({name: args}))
    generator(torch.randn(6, 8), LABELS)
    assert len(norms) >= 2
    assert calls.keys() == norms.keys()
    for name, norm in norms.items():
        x, labels = calls[name]
        assert labels is LABELS, f"{name} was not given the labels"
        outputs = torch.stack([norm(x, torch.full_like(LABELS, label)) for label in range(5)])
        apart = torch.cdist(outputs.flatten(1)[None], outputs.flatten(1)[None])[0]
        assert (apart + torch.eye(5)).min() > 1e-3, f"{name} gives two classes one output"


@families
def test_with_every_layer_no_norm_of_the_generator_is_left_unconditional(family: str) -> None:
    generator = build(family, "every-layer").generator(SPEC)
    inner = [m for m in generator.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    outer = [m for m in generator.modules() if isinstance(m, ConditionalBatchNorm)]
    assert len(inner) == len(outer)
    assert all(not norm.affine for norm in inner)
    assert all(norm.gain is not None for norm in outer)


@families
def test_projection_adds_the_inner_product_of_embedding_and_features(family: str) -> None:
    discriminator = build(family, "every-layer").discriminator(SPEC).eval()
    (projection,) = [m for m in discriminator.modules() if isinstance(m, Projection)]
    features: list[Tensor] = []
    projection.register_forward_pre_hook(lambda _, args: features.append(args[0]))
    images, others = torch.randn(6, 1, 16, 16), (LABELS + 2) % 5
    difference = discriminator(images, LABELS) - discriminator(images, others)
    table = projection.table.weight
    expected = ((table[LABELS] - table[others]) * features[0]).sum(1)
    torch.testing.assert_close(difference, expected, rtol=1e-4, atol=1e-6)
    assert expected.abs().min() > 0


def test_projection_is_the_inner_product() -> None:
    projection = Projection(2, 3)
    projection.table.weight.data = torch.tensor([[1.0, 0.0, 2.0], [0.0, -1.0, 0.0]])
    features = torch.tensor([[1.0, 10.0, 100.0], [1.0, 10.0, 100.0]])
    found = projection(features, torch.tensor([0, 1]))
    torch.testing.assert_close(found, torch.tensor([201.0, -10.0]))


# -- conditional batch normalisation -------------------------------------------------------


@pytest.mark.parametrize("shape", [(64, 3), (64, 3, 4, 4)])
def test_conditional_batch_norm_is_batch_norm_with_the_classes_gain_and_bias(
    shape: tuple[int, ...],
) -> None:
    norm = ConditionalBatchNorm(3, n_classes=2)
    assert norm.gain is not None
    assert norm.bias is not None
    norm.gain.weight.data = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    norm.bias.weight.data = torch.tensor([[0.1, 0.2, 0.3], [-0.4, -0.5, -0.6]])
    x, labels = torch.randn(shape) * 3 + 1, torch.arange(64) % 2
    dims = [0, *range(2, x.dim())]
    centred = x - x.mean(dims, keepdim=True)
    plain = centred / (x.var(dims, keepdim=True, unbiased=False) + 1e-5).sqrt()
    tail = (64, 3) + (1,) * (x.dim() - 2)
    gain, bias = norm.gain.weight[labels].view(tail), norm.bias.weight[labels].view(tail)
    torch.testing.assert_close(norm(x, labels), gain * plain + bias, rtol=1e-4, atol=1e-5)


def test_without_classes_it_equals_torchs_batch_norm() -> None:
    ours, theirs = ConditionalBatchNorm(3), nn.BatchNorm2d(3)
    theirs.load_state_dict(ours.norm.state_dict())
    x = torch.randn(8, 3, 5, 5)
    torch.testing.assert_close(ours(x, None), theirs(x))
    torch.testing.assert_close(ours.eval()(x, None), theirs.eval()(x))


# -- the label must not drown the image ------------------------------------------------------


@pytest.mark.parametrize("embedding_dim", [4, 32, 256])
def test_an_embedded_label_is_as_long_as_a_one_hot_vector(embedding_dim: int) -> None:
    """With vectors of length sqrt(32) the discriminator never found the image beside them."""
    torch.manual_seed(0)
    label = LabelInput("embedding", 1000, embedding_dim)
    assert label.table is not None
    assert label.table.weight.norm(dim=1).square().mean().item() == pytest.approx(1.0, rel=0.1)


def test_the_dcgan_generator_can_give_each_class_its_own_places() -> None:
    """Conditional norms move whole maps; the label at the input moves single places."""
    generator = build("dcgan", "every-layer").generator(SPEC).eval()
    z = torch.zeros(2, 8)
    inputs: list[Tensor] = []
    first = generator.norms[0]
    assert isinstance(first, ConditionalBatchNorm)
    first.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    generator(z, torch.tensor([1, 3]))
    difference = inputs[0][0] - inputs[0][1]
    assert difference.std((1, 2)).min() > 0
