"""What every registered architecture does, whatever is inside."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from saddlepoint.core import registry
from saddlepoint.core.contracts import Architecture, DataSpec, Discriminator, Generator
from saddlepoint.core.errors import InputError

SIZES = (8, 12, 28, 32)
SPECS = [
    DataSpec(shape=(channels, size, size), n_classes=n_classes)
    for size in SIZES
    for n_classes in (0, 10)
    for channels in (1, 3)
] + [DataSpec(shape=(2,), value_range=None), DataSpec(shape=(2,), n_classes=10, value_range=None)]
WAYS = ("none", "onehot", "embedding", "every-layer")
OPTIONS: list[dict[str, Any]] = [
    {"packing": 2},
    {"minibatch_stddev": True},
    {"discriminator_norm": "spectral"},
    {"discriminator_depth": 1},
    {"discriminator_residuals": 1},
    {"discriminator_residuals": 2, "discriminator_norm": "spectral"},
    {"generator_norm": "none"},
    {"self_modulation": True},
]
"""What a discriminator may have, where it has such a field; tried on some of the specs."""
NARROW = {"generator_width": 8, "discriminator_width": 8, "max_width": 16, "latent_dim": 12}
NARROW |= {"width": 16}
NARROW_TUPLES = {"generator_widths": (32, 32), "discriminator_widths": (32, 32)}


def narrow(name: str, **fields: Any) -> Architecture:
    """An architecture with small widths where it has such fields: the tests are to be quick."""
    cls = registry.get("architecture", name)
    known = {field.name for field in dataclasses.fields(cls)}
    small = {key: value for key, value in {**NARROW, **NARROW_TUPLES}.items() if key in known}
    return cls(**{**small, **fields})


def cases() -> list[Any]:
    """Every architecture on every spec that it accepts, in every way of conditioning."""
    found = []
    for name in registry.names("architecture"):
        for spec in SPECS:
            for how in WAYS if spec.n_classes else WAYS[:1]:
                arch = narrow(name, conditioning=how)
                if not accepts(arch, spec):
                    continue
                shape = "x".join(map(str, spec.shape))
                found.append(pytest.param(arch, spec, id=f"{name}-{shape}-{how}"))
                if spec.n_classes and spec.shape in ((1, 12, 12), (2,)):
                    for option, varied in with_options(arch):
                        if not accepts(varied, spec):
                            continue
                        found.append(
                            pytest.param(varied, spec, id=f"{name}-{shape}-{how}-{option}")
                        )
    return found


def accepts(arch: Architecture, spec: DataSpec) -> bool:
    """The builders may be called for these."""
    try:
        arch.check(spec)
    except InputError:
        return False
    return True


def with_options(arch: Architecture) -> list[tuple[str, Architecture]]:
    known = {field.name for field in dataclasses.fields(arch)}  # type: ignore[arg-type]
    return [
        (next(iter(option)), dataclasses.replace(arch, **option))  # type: ignore[type-var]
        for option in OPTIONS
        if set(option) <= known
    ]


def nets(arch: Architecture, spec: DataSpec, seed: int = 0) -> tuple[Generator, Discriminator]:
    torch.manual_seed(seed)
    return arch.generator(spec), arch.discriminator(spec)


def inputs(arch: Architecture, spec: DataSpec, n: int = 10) -> tuple[Tensor, Tensor, Tensor | None]:
    """z, real items and labels (all classes occur)."""
    torch.manual_seed(1)
    labels = torch.arange(n) % spec.n_classes if spec.n_classes else None
    z = torch.randn(n, arch.generator(spec).latent_dim)
    return z, torch.rand(n, *spec.shape) * 2 - 1, labels


every_case = pytest.mark.parametrize(("arch", "spec"), cases())
names = pytest.mark.parametrize("name", registry.names("architecture"))


@names
def test_it_accepts_the_usual_sizes_or_says_why_not(name: str) -> None:
    refusals = []
    for spec in SPECS:
        try:
            narrow(name).check(spec)
        except InputError as error:
            refusals.append(str(error))
    assert all(is_a_sentence(text) for text in refusals), refusals
    assert any(param.values[0].kind == name for param in cases()), "it accepts no spec at all"


def is_a_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and len(text) > 30


@names
def test_its_conditioning_is_chosen_among_the_four_ways(name: str) -> None:
    cls = registry.get("architecture", name)
    assert typing.get_args(typing.get_type_hints(cls)["conditioning"]) == WAYS


@every_case
def test_shapes_types_and_ranges(arch: Architecture, spec: DataSpec) -> None:
    generator, discriminator = nets(arch, spec)
    z, real, labels = inputs(arch, spec)
    fake = generator(z, labels)
    assert fake.shape == real.shape
    assert fake.dtype == torch.float32
    assert fake.isfinite().all()
    if spec.value_range is not None and generator.bounded:
        assert fake.min() >= spec.value_range[0]
        assert fake.max() <= spec.value_range[1]
    for items in (fake, real):
        logits = discriminator(items, labels)
        assert logits.shape == (10,)
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()


@every_case
def test_every_parameter_gets_a_finite_gradient(arch: Architecture, spec: DataSpec) -> None:
    generator, discriminator = nets(arch, spec)
    z, real, labels = inputs(arch, spec)
    (discriminator(real, labels) * torch.randn(10)).sum().backward()
    logits = discriminator(generator(z, labels), labels)
    (logits * torch.randn(10)).sum().backward()
    for net in (generator, discriminator):
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
        assert any(p.grad.abs().max() > 0 for p in net.parameters() if p.grad is not None)


@every_case
def test_the_discriminator_can_be_differentiated_twice(arch: Architecture, spec: DataSpec) -> None:
    """Gradient penalties need the gradient of a gradient."""
    _, discriminator = nets(arch, spec)
    _, real, labels = inputs(arch, spec)
    real.requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(real, labels).sum(), real, create_graph=True)
    gradient.square().sum().backward()
    found = [p.grad for p in discriminator.parameters() if p.grad is not None]
    assert all(grad.isfinite().all() for grad in found)
    assert any(grad.abs().max() > 0 for grad in found)


@every_case
def test_a_discriminator_that_judges_image_by_image_may_be_shown_two_batches_at_once(
    arch: Architecture, spec: DataSpec
) -> None:
    _, discriminator = nets(arch, spec)
    if not discriminator.per_image:
        return
    _, real, labels = inputs(arch, spec)
    before = {name: buffer.clone() for name, buffer in discriminator.named_buffers()}
    twice = None if labels is None else labels.repeat(2)
    once = discriminator(real, labels)
    together = discriminator(torch.cat([real, real.flip(0) / 2]), twice)[:10]
    torch.testing.assert_close(together, once, rtol=1e-5, atol=1e-5)
    for name, buffer in discriminator.named_buffers():
        assert torch.equal(buffer, before[name])


@every_case
def test_the_latent_and_the_label_both_change_the_sample(
    arch: Architecture, spec: DataSpec
) -> None:
    generator, discriminator = (net.eval() for net in nets(arch, spec))
    z, real, labels = inputs(arch, spec)
    size = generator(z, labels).flatten(1).norm(dim=1).mean()
    made = generator(z[:1].expand(10, -1), labels).flatten(1)
    logits = discriminator(real[:1].expand(10, *spec.shape), labels)
    other = generator(z[1:2].expand(10, -1), labels).flatten(1)
    assert (made - other).norm(dim=1).min() > 1e-3 * size, "z is ignored"
    conditional = arch.conditioning != "none"
    for label in range(1, 10):
        assert ((made[label] - made[0]).norm() > 1e-3 * size) == conditional
        assert ((logits[label] - logits[0]).abs() > 1e-7) == conditional


@every_case
def test_its_first_layer_is_an_affine_function_of_the_latent(
    arch: Architecture, spec: DataSpec
) -> None:
    generator = nets(arch, spec)[0].eval()
    z, _, labels = inputs(arch, spec)
    other = z.flip(0)
    made, of_other = generator.first_layer(z, labels), generator.first_layer(other, labels)
    between = generator.first_layer(0.3 * z + 0.7 * other, labels)
    torch.testing.assert_close(between, 0.3 * made + 0.7 * of_other, rtol=1e-4, atol=1e-5)
    assert (made - of_other).abs().max() > 0


@every_case
def test_weights_survive_safetensors(arch: Architecture, spec: DataSpec) -> None:
    z, real, labels = inputs(arch, spec)
    before, after = nets(arch, spec, seed=0), nets(arch, spec, seed=9)
    before[0](z, labels)  # moves the running statistics, where there are some
    for net, again in zip(before, after, strict=True):
        again.load_state_dict(safetensors.torch.load(safetensors.torch.save(net.state_dict())))
    for net, again, x in zip(before, after, (z, real), strict=True):
        assert torch.equal(net.eval()(x, labels), again.eval()(x, labels))


@names
def test_one_seed_gives_one_pair_of_nets(name: str) -> None:
    spec = DataSpec(shape=(1, 32, 32), n_classes=10)
    arch = narrow(name)

    def weights(seed: int) -> Tensor:
        values = [p.flatten() for net in nets(arch, spec, seed) for p in net.state_dict().values()]
        return torch.cat([value.float() for value in values])

    assert torch.equal(weights(4), weights(4))
    assert not torch.equal(weights(4), weights(5))


@names
def test_building_a_net_leaves_the_architecture_as_it_was(name: str) -> None:
    """The same object builds nets for any number of specs."""
    arch = narrow(name)
    first = sum(p.numel() for p in arch.generator(SPECS[-4]).parameters())
    arch.generator(DataSpec(shape=(3, 8, 8)))
    assert sum(p.numel() for p in arch.generator(SPECS[-4]).parameters()) == first


@names
def test_the_discriminator_ends_in_raw_logits(name: str) -> None:
    discriminator = narrow(name).discriminator(DataSpec(shape=(1, 32, 32)))
    squashing = (nn.Sigmoid, nn.Tanh, nn.LogSigmoid, nn.Softmax)
    assert not [m for m in discriminator.modules() if isinstance(m, squashing)]


# -- what remedies ask -----------------------------------------------------------------------

SPEC = DataSpec(shape=(1, 28, 28), n_classes=10)
HIGH = {"latent_dim": 50, "dropout": 0.4, "packing": 3, "minibatch_stddev": True}


@names
def test_each_option_that_it_declares_is_a_field_that_can_be_raised(name: str) -> None:
    cls = registry.get("architecture", name)
    assert set(cls.options) <= {field.name for field in dataclasses.fields(cls)}
    for option in cls.options:
        arch = narrow(name, conditioning="onehot", **({option: 0.5} if "scale" in option else {}))
        changes = arch.raised(option, HIGH.get(option, 1.0))
        raised = dataclasses.replace(arch, **changes)  # type: ignore[type-var]
        assert changes == {option: HIGH.get(option, 1.0)}
        assert raised.raised(option, HIGH.get(option, 1.0)) == {}, "it is there already"
        generator, discriminator = nets(raised, SPEC)
        z, real, labels = inputs(raised, SPEC)
        assert generator(z, labels).shape == real.shape
        assert discriminator(real, labels).isfinite().all()


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def changed(arch: Architecture, changes: dict[str, Any]) -> Architecture:
    return dataclasses.replace(arch, **changes)  # type: ignore[type-var]


@names
def test_a_beaten_net_grows_to_the_others_size_and_no_further(name: str) -> None:
    cls = registry.get("architecture", name)
    if cls.stronger is Architecture.stronger:
        pytest.skip("it says nothing")
    wide: dict[str, Any] = {"generator_width": 32, "generator_widths": (128, 128, 128)}
    known = {field.name for field in dataclasses.fields(cls)}
    arch = narrow(name, dropout=0.2, **{k: v for k, v in wide.items() if k in known})
    assert arch.width_of("discriminator") < arch.width_of("generator")
    grown = changed(arch, arch.stronger("discriminator"))
    assert grown.width_of("discriminator") == arch.width_of("generator")
    assert parameters(grown.discriminator(SPEC)) > parameters(arch.discriminator(SPEC))
    assert parameters(grown.generator(SPEC)) == parameters(arch.generator(SPEC))
    assert not any(m.p for m in grown.discriminator(SPEC).modules() if isinstance(m, DROPOUT))
    assert grown.stronger("discriminator") == {}


DROPOUT = (nn.Dropout, nn.Dropout2d)


@names
def test_a_weaker_discriminator_has_fewer_parameters_or_stages_until_it_is_the_least(
    name: str,
) -> None:
    arch, depth = narrow(name), 0
    while changes := arch.weaker_discriminator():
        weaker = changed(arch, changes)
        layers = [
            sum(isinstance(m, nn.Linear | nn.Conv2d) for m in net.discriminator(BIG).modules())
            for net in (arch, weaker)
        ]
        assert layers[1] < layers[0]
        arch, depth = weaker, depth + 1
        assert depth < 10, "it never ends"


BIG = DataSpec(shape=(1, 64, 64))


@names
def test_its_discriminator_can_lose_batch_norm_and_take_spectral_norm(name: str) -> None:
    arch = narrow(name)
    bare = changed(arch, arch.without_batch_norm())
    norms = (nn.modules.batchnorm._BatchNorm,)
    assert not [m for m in bare.discriminator(SPEC).modules() if isinstance(m, norms)]
    assert bare.without_batch_norm() == {}
    if arch.with_spectral_norm():
        spectral = changed(arch, arch.with_spectral_norm())
        weights = [n for n, _ in spectral.discriminator(SPEC).named_parameters() if "original" in n]
        assert weights
        assert spectral.with_spectral_norm() == {}


@every_case
def test_its_discriminators_first_layers_can_be_kept_fixed(
    arch: Architecture, spec: DataSpec
) -> None:
    discriminator = arch.discriminator(spec)
    try:
        layers = discriminator.hidden_layers()
    except NotImplementedError:
        return  # it does not say which they are, and none can be
    inside, parts = {*discriminator.modules()}, [part for layer in layers for part in layer]
    assert len({*parts}) == len(parts) >= 1
    assert inside.issuperset(parts)
    weights = [p for part in parts for p in part.parameters()]
    # Something is left to learn, and the first layer is the one that sees the images.
    assert len(weights) < len(list(discriminator.parameters()))
    order: list[int] = []
    ends = [
        part.register_forward_hook(lambda *_, number=number: order.append(number))
        for number, layer in enumerate(layers)
        for part in layer
    ]
    _, real, labels = inputs(arch, spec)
    discriminator(real, labels)
    assert order == sorted(order)
    for end in ends:
        end.remove()


@every_case
def test_its_first_layers_inputs_end_with_those_of_the_label(
    arch: Architecture, spec: DataSpec
) -> None:
    if arch.conditioning in ("none", "every-layer") or not hasattr(arch, "embedding_dim"):
        return
    generator, discriminator = arch.generator(spec), arch.discriminator(spec)
    least = {"onehot": spec.n_classes, "embedding": arch.embedding_dim}[arch.conditioning]  # type: ignore[attr-defined]
    assert generator.label_inputs == least
    assert discriminator.label_inputs in (0, least)


@names
def test_the_label_can_enter_every_layer(name: str) -> None:
    for how in WAYS:
        arch = narrow(name, conditioning=how)
        after = changed(arch, arch.label_in_every_layer())
        after.check(SPEC)
        assert after.conditioning == ("none" if how == "none" else "every-layer")
