"""One test for each bug that GAN code is known for; most run one step of the real loop.

The closed forms behind them are in test_losses.py, test_penalties.py and test_nets.py.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from saddlepoint import presets
from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.config import Augment, Config, Ema, Train
from saddlepoint.core.contracts import Batch, Dataset, DataSpec, Penalty
from saddlepoint.core.runs import Run
from saddlepoint.data.loader import DeviceData
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.losses.classic import Minimax, NonSaturating
from saddlepoint.losses.gradient_penalties import R1, GradientPenalty, input_gradient
from saddlepoint.losses.wasserstein import Wasserstein
from saddlepoint.training import checkpoint
from saddlepoint.training.loop import iterate
from saddlepoint.training.moment import Moment
from saddlepoint.training.optimizers import Adam, RmsProp
from saddlepoint.training.state import TrainState, ema_decay, update_ema
from saddlepoint.training.steps import (
    Sums,
    discriminator_step,
    generator_step,
    latents,
    penalties_due,
)

SPEC = DataSpec(shape=(1, 8, 8), n_classes=4)
TINY_DCGAN = Dcgan(latent_dim=6, generator_width=8, discriminator_width=8, max_width=16)
DEEPER = DataSpec(shape=(1, 16, 16), n_classes=4)
TRAIN = Train(batch_size=8, device="cpu", precision="fp32", kimg=1)


def make_config(**fields: Any) -> Config:
    defaults: dict[str, Any] = {
        "source": Ring8(),
        "arch": TINY_DCGAN,
        "loss": NonSaturating(),
        "optim_g": Adam(lr=1e-3),
        "optim_d": Adam(lr=1e-3),
        "train": TRAIN,
    }
    return Config(**{**defaults, **fields})


def make_real(spec: DataSpec = DEEPER, n: int = 8) -> Batch:
    return Batch(torch.rand(n, *spec.shape) * 2 - 1, torch.arange(n) % 4)


def make_dataset(n: int = 40, spec: DataSpec = DEEPER) -> Dataset:
    channels, height, width = spec.shape
    images = np.random.default_rng(0).integers(0, 256, (n, height, width, channels), np.uint8)
    labels = np.arange(n) % spec.n_classes
    return Dataset(name="noise", spec=spec, images=images, labels=labels, fingerprint="0")


class Step:
    """One step of each player on a small net, with what it needs."""

    def __init__(self, config: Config | None = None, spec: DataSpec = DEEPER) -> None:
        self.config = config or make_config()
        self.state = TrainState.new(self.config, spec)
        self.real = make_real(spec)
        self.z = latents(self.config, self.state.generator.latent_dim, 0)
        self.sums = Sums()

    def fake(self) -> Tensor:
        return self.state.generator(self.z, self.real.labels)

    def discriminator(self, fake: Tensor | None = None, lazy_step: int = 0) -> None:
        fake = self.fake() if fake is None else fake
        due = penalties_due(self.config, lazy_step)
        discriminator_step(self.state, self.config, self.real, fake, self.sums, due)

    def generator(self, fake: Tensor | None = None) -> None:
        real_logits = torch.zeros(len(self.z))
        generator_step(self.state, self.config, self.real, real_logits, self.z, fake, self.sums)


def weights(net: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in net.parameters()]


def gradients(net: nn.Module) -> list[Tensor | None]:
    return [None if p.grad is None else p.grad.clone() for p in net.parameters()]


def equal(a: list[Any], b: list[Any]) -> bool:
    return all(x is y or torch.equal(x, y) for x, y in zip(a, b, strict=True))


# -- who moves in whose step -----------------------------------------------------------


@pytest.mark.parametrize("shared", [True, False])
def test_detach_the_generators_step_reaches_every_weight_of_the_generator(shared: bool) -> None:
    """A detach in the wrong place leaves the generator without a gradient."""
    step = Step()
    before = weights(step.state.generator)
    step.generator(step.fake() if shared else None)
    for (name, parameter), old in zip(step.state.generator.named_parameters(), before, strict=True):
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
        assert not torch.equal(parameter, old), name


def test_no_detach_the_discriminators_step_gives_the_generator_nothing() -> None:
    step = Step(make_config(penalties=(GradientPenalty(), R1(every=1))))
    before = weights(step.state.generator)
    step.discriminator(step.fake())
    assert all(p.grad is None for p in step.state.generator.parameters())
    assert equal(before, weights(step.state.generator))


def test_the_graph_of_shared_fakes_survives_the_discriminators_step() -> None:
    step = Step()
    fake = step.fake()
    step.discriminator(fake)
    step.generator(fake)
    assert all(p.grad is not None for p in step.state.generator.parameters())


def test_the_discriminators_weights_stand_still_in_the_generators_step() -> None:
    step = Step()
    before = weights(step.state.discriminator)
    step.generator()
    assert equal(before, weights(step.state.discriminator))
    assert all(p.grad is None for p in step.state.discriminator.parameters())


def test_the_discriminator_learns_again_after_the_generators_step() -> None:
    """Weights that were frozen for the other player's step and never freed."""
    step = Step()
    step.generator()
    before = weights(step.state.discriminator)
    step.discriminator()
    assert not any(
        torch.equal(a, b) for a, b in zip(before, weights(step.state.discriminator), strict=True)
    )


def test_optimizer_mixup_each_optimiser_has_its_own_players_weights() -> None:
    state = Step().state
    for optimizer, net in (
        (state.optim_g, state.generator),
        (state.optim_d, state.discriminator),
    ):
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert held == {id(p) for p in net.parameters()}


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_stale_gradients_a_step_starts_from_none(player: str) -> None:
    """Without zero_grad the gradients of all steps before are added."""
    clean, dirty = Step(), Step()
    dirty.real = clean.real
    dirty.state = copy.deepcopy(clean.state)
    for net in (dirty.state.generator, dirty.state.discriminator):
        for parameter in net.parameters():
            parameter.grad = torch.full_like(parameter, 1e3)
    # The copy's optimisers hold the originals' weights: give each its own.
    dirty.state.optim_g = dirty.config.optim_g.build(dirty.state.generator.parameters())
    dirty.state.optim_d = dirty.config.optim_d.build(dirty.state.discriminator.parameters())
    for step in (clean, dirty):
        getattr(step, player)()
    for a, b in zip(
        gradients(getattr(clean.state, player)),
        gradients(getattr(dirty.state, player)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


# -- directions ------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [Minimax(), NonSaturating(), Wasserstein()])
def test_wrong_sign_a_step_moves_each_player_towards_its_own_aim(loss: Any) -> None:
    """The discriminator raises real over fake; the generator raises the score of its fakes."""
    arch = Mlp(latent_dim=6, generator_widths=(16,), discriminator_widths=(16,))
    step = Step(make_config(arch=arch, loss=loss))
    fake, d = step.fake().detach(), step.state.discriminator

    def gap() -> float:
        return (d(step.real.images) - d(fake)).mean().item()

    before = gap()
    step.discriminator()
    assert gap() > before
    before_g = d(step.fake()).mean().item()
    step.generator()
    assert d(step.fake()).mean().item() > before_g


@pytest.mark.parametrize("name", presets.PRESETS)
def test_sigmoid_left_in_the_critic(name: str) -> None:
    """Every discriminator gives raw logits: scaling its last layer scales them without bound."""
    arch = presets.preset(name, Ring8()).arch
    discriminator = arch.discriminator(SPEC).eval()
    assert not [m for m in discriminator.modules() if isinstance(m, nn.Sigmoid | nn.Tanh)]
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.mul_(10)
    real = make_real(SPEC, 64)
    assert discriminator(real.images, real.labels).abs().max() > 1


def test_saturated_cross_entropy_does_not_stop_at_100() -> None:
    """A clamped logarithm makes the loss exactly 100 and its gradient exactly 0."""
    logit = torch.tensor([-200.0], requires_grad=True)
    loss = NonSaturating().generator(logit)
    assert loss.item() == 200.0
    assert torch.autograd.grad(loss.sum(), logit)[0].item() == -1.0


# -- weight clipping -------------------------------------------------------------------


def test_clipping_before_the_step_weights_are_inside_the_bounds_after_it() -> None:
    config = make_config(loss=Wasserstein(clip=0.01), optim_d=RmsProp(lr=0.05))
    step = Step(config)
    for _ in range(3):
        step.discriminator()
        for name, parameter in step.state.discriminator.named_parameters():
            assert parameter.abs().max() <= 0.01, name


# -- gradient penalties ----------------------------------------------------------------


class LinearCritic(nn.Module):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(shape))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return (images * self.a).flatten(1).sum(1)


def test_penalty_norm_over_the_wrong_axis() -> None:
    """norm(dim=1) of an image's gradient is a map of norms over channels, not the sample's."""
    critic, images = LinearCritic((3, 8, 8)), torch.randn(4, 3, 8, 8)
    found = GradientPenalty(weight=1.0)(critic, images, images, None)
    wrong = (critic.a[None].norm(dim=1) - 1).square().mean()
    assert found.shape == (4,)
    torch.testing.assert_close(found, (critic.a.norm() - 1).square().expand(4))
    assert (found[0] - wrong).abs() > 1


def test_normal_instead_of_uniform_interpolation() -> None:
    seen: list[Tensor] = []

    def critic(images: Tensor, labels: Tensor | None) -> Tensor:
        seen.append(images.detach())
        return images.sum((1, 2, 3))

    GradientPenalty()(critic, torch.zeros(500, 1, 2, 2), torch.ones(500, 1, 2, 2), None)  # type: ignore[arg-type]
    assert seen[0].min() >= 0
    assert seen[0].max() <= 1


def test_square_root_of_zero_gives_no_nan() -> None:
    """A critic whose last layer is zero, through a whole step with the penalty."""
    arch = replace(TINY_DCGAN, discriminator_norm="none")
    step = Step(make_config(arch=arch, loss=Wasserstein(), penalties=(GradientPenalty(),)))
    nn.init.zeros_(step.state.discriminator.head.weight)  # type: ignore[union-attr, arg-type]
    step.discriminator()
    assert all(p.isfinite().all() for p in step.state.discriminator.parameters())


def mixing(discriminator: nn.Module) -> float:
    """How much one sample's input gradient changes with the other samples of its batch."""
    real = make_real()
    others = Batch(torch.cat([real.images[:1], -real.images[1:] * 0.3]), real.labels)
    found = [input_gradient(discriminator, b.images, b.labels)[0] for b in (real, others)]
    return ((found[0] - found[1]).norm() / found[0].norm()).item()


def test_batch_norm_in_a_gradient_penalty_critic_mixes_samples() -> None:
    plain = replace(TINY_DCGAN, discriminator_norm="none").discriminator(DEEPER)
    assert mixing(TINY_DCGAN.discriminator(DEEPER)) > 0.05
    assert mixing(plain) < 1e-4


@pytest.mark.parametrize("name", presets.PRESETS)
def test_no_preset_has_batch_norm_under_a_gradient_penalty(name: str) -> None:
    config = presets.preset(name, Ring8())
    if config.penalties:
        discriminator = config.arch.discriminator(DEEPER)
        norms = nn.modules.batchnorm._NormBase
        assert not [m for m in discriminator.modules() if isinstance(m, norms)]
        assert mixing(discriminator) < 1e-3


@pytest.mark.parametrize("penalty", [GradientPenalty(weight=100.0), R1(gamma=100.0, every=1)])
def test_penalty_that_is_never_called(penalty: Penalty) -> None:
    arch = replace(TINY_DCGAN, discriminator_norm="none", init="he")
    with_penalty, without = (
        Step(make_config(arch=arch, penalties=(penalty,))),
        Step(make_config(arch=arch)),
    )
    without.real = with_penalty.real
    for step in (with_penalty, without):
        step.discriminator()
    assert with_penalty.sums.take()["penalty"] > 0
    found = zip(
        gradients(with_penalty.state.discriminator),
        gradients(without.state.discriminator),
        strict=True,
    )
    assert any(not torch.allclose(a, b, rtol=0.1) for a, b in found if a is not None)


def test_lazy_penalty_acts_on_one_step_in_every_with_that_many_times_its_strength() -> None:
    arch = replace(TINY_DCGAN, discriminator_norm="none", init="he")

    def gradient(penalties: tuple[Penalty, ...], lazy_step: int) -> Tensor:
        step = Step(make_config(arch=arch, penalties=penalties))
        torch.manual_seed(5)
        step.real = make_real()
        step.discriminator(lazy_step=lazy_step)
        return torch.cat(
            [g.flatten() for g in gradients(step.state.discriminator) if g is not None]
        )

    none, once = gradient((), 0), gradient((R1(gamma=2.0, every=1),), 3)
    torch.testing.assert_close(gradient((R1(gamma=2.0, every=4),), 3), none)
    torch.testing.assert_close(
        gradient((R1(gamma=2.0, every=4),), 8) - none, 4 * (once - none), rtol=1e-3, atol=1e-5
    )


# -- batch normalisation ---------------------------------------------------------------


def test_mixed_batch_norm_real_and_fake_never_share_a_pass() -> None:
    step = Step()
    fake = step.fake()
    seen: list[Tensor] = []
    step.state.discriminator.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    step.discriminator(fake)
    step.generator(fake)
    assert len(seen) == 3
    for images in seen:
        assert torch.equal(images, step.real.images) or torch.equal(images, fake)


def test_batch_norm_statistics_are_in_the_average() -> None:
    net = TINY_DCGAN.generator(DEEPER)
    average = copy.deepcopy(net).eval()
    start = {name: buffer.clone() for name, buffer in net.named_buffers()}
    for _ in range(20):
        net(torch.randn(32, 6) * 3)
    update_ema(average, net, 0.75)
    assert start
    for (name, kept), (_, new) in zip(average.named_buffers(), net.named_buffers(), strict=True):
        if kept.is_floating_point():
            assert not torch.equal(new, start[name]), name
            torch.testing.assert_close(kept, 0.25 * start[name] + 0.75 * new)
        else:
            assert torch.equal(kept, new), name


def test_the_averages_weights_are_lerped_and_the_generator_is_left_alone() -> None:
    net = TINY_DCGAN.generator(DEEPER)
    average = TINY_DCGAN.generator(DEEPER)
    kept, new = weights(average), weights(net)
    update_ema(average, net, 0.1)
    assert equal(weights(net), new)
    for a, b, found in zip(kept, new, weights(average), strict=True):
        torch.testing.assert_close(found, 0.9 * a + 0.1 * b)


def test_after_one_halflife_half_of_the_average_is_left() -> None:
    decay = ema_decay(Ema(halflife=640, ramp=0), 10**6, 64)
    assert decay**10 == pytest.approx(0.5)
    assert ema_decay(Ema(halflife=0), 10**6, 64) == 0.0
    ramped = ema_decay(Ema(halflife=10_000, ramp=0.05), 1280, 64)
    assert ramped == pytest.approx(0.5)  # 0.05 * 1280 = 64 images


def test_eval_mode_samples_do_not_depend_on_batch_mates() -> None:
    ema = Step().state.ema
    assert not ema.training
    z, labels = torch.randn(8, 6), torch.arange(8) % 4
    alone = torch.cat([ema(z[i : i + 1], labels[i : i + 1]) for i in range(8)])
    torch.testing.assert_close(ema(z, labels), alone, rtol=1e-4, atol=1e-6)


def test_train_eval_mismatch_the_average_makes_what_the_generator_makes() -> None:
    """With the statistics of initialisation the averaged weights would make other images."""
    crawl = Adam(lr=1e-7)  # the weights stand still, so that only the statistics matter
    config = make_config(ema=Ema(halflife=16), optim_g=crawl, optim_d=crawl)
    step = Step(config)
    data = DeviceData(make_dataset(), seed=0)
    for _ in range(120):  # BatchNorm forgets its first statistics at 10 % a step
        iterate(step.state, config, data, step.sums)
    z = torch.randn(256, 6)
    with torch.no_grad():
        made, averaged = step.state.generator(z), step.state.ema(z)
    assert (made - averaged).abs().mean() < 0.1 * made.abs().mean()


# -- data ------------------------------------------------------------------------------


def test_range_mismatch_real_images_span_the_generators_range() -> None:
    """tanh gives [-1, 1]; reals in [0, 1] would be told apart by their mean alone."""
    real = DeviceData(make_dataset()).batch(0, 32).images
    assert real.min() == -1
    assert real.max() == 1
    fakes = TINY_DCGAN.generator(DEEPER)(torch.randn(32, 6) * 100)
    assert fakes.min() < -0.02
    assert fakes.max() <= 1


def test_each_critic_step_sees_new_images_and_new_latents() -> None:
    config = make_config(train=replace(TRAIN, n_critic=3))
    state = TrainState.new(config, DEEPER)
    reals, latent = [], []
    state.discriminator.register_forward_pre_hook(lambda _, args: reals.append(args[0].clone()))
    state.generator.register_forward_pre_hook(lambda _, args: latent.append(args[0].clone()))
    iterate(state, config, DeviceData(make_dataset()), Sums())
    shown = torch.cat(reals[0:6:2]).flatten(1)
    assert len(shown.unique(dim=0)) == 24
    assert len(torch.cat(latent).unique(dim=0)) == 24
    assert (state.n_images, state.n_steps) == (24, 1)


def test_fakes_are_judged_with_the_labels_they_were_made_with() -> None:
    config = make_config(arch=replace(TINY_DCGAN, conditioning="onehot"), penalties=(R1(every=1),))
    step = Step(config)
    seen: list[Tensor | None] = []
    for net in (step.state.discriminator, step.state.generator):
        net.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    step.discriminator()
    step.generator()
    assert len(seen) == 6  # G, D(real), D(fake), D in the penalty; G, D(fake)
    assert all(labels is step.real.labels for labels in seen)


def test_accumulated_parts_give_the_gradient_of_the_whole_batch() -> None:
    arch = Mlp(latent_dim=6, generator_widths=(16,), discriminator_widths=(16,))
    whole = Step(make_config(arch=arch, penalties=(R1(every=1),)))
    parts = Step(replace(whole.config, train=replace(TRAIN, accumulate=4)))
    parts.real = whole.real
    fake = whole.fake().detach()
    for step in (whole, parts):
        step.discriminator(fake)
    found = zip(
        gradients(whole.state.discriminator), gradients(parts.state.discriminator), strict=True
    )
    for a, b in found:
        torch.testing.assert_close(a, b)


# -- resume ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"loss": Wasserstein(clip=0.05), "optim_d": RmsProp(), "optim_g": RmsProp()},
        {
            "arch": replace(TINY_DCGAN, discriminator_norm="none", conditioning="every-layer"),
            "penalties": (GradientPenalty(), R1(every=3)),
            "augment": Augment(mirror=True),
        },
    ],
    ids=["dcgan", "wgan", "conditional"],
)
def test_broken_resume_a_resumed_run_equals_one_never_stopped(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    """Weights without the optimisers' moments, the average or the counter would go elsewhere."""
    config, dataset = make_config(**fields), make_dataset()
    data, run = DeviceData(dataset, seed=config.seed), Run(tmp_path)
    state = TrainState.new(config, DEEPER)
    for _ in range(3):
        iterate(state, config, data, Sums())
    checkpoint.save(run, Moment.of(state), config, dataset, None)
    resumed = TrainState.new(replace(config, seed=99), DEEPER)
    assert checkpoint.load_newest(run, resumed)
    assert (resumed.n_images, resumed.n_steps) == (state.n_images, state.n_steps) == (24, 3)
    torch.manual_seed(12345)  # what a new process has drawn must not matter
    for _ in range(3):
        iterate(resumed, config, DeviceData(dataset, seed=config.seed), Sums())
    for _ in range(3):
        iterate(state, config, data, Sums())
    for name in ("generator", "discriminator", "ema"):
        again = getattr(resumed, name).state_dict()
        for key, value in getattr(state, name).state_dict().items():
            assert torch.equal(value, again[key]), f"{name}.{key}"
