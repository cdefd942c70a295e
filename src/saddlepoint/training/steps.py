"""One step of each player. No number leaves the device here; sums are read once a tick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Batch, Penalty
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.ranks import sharing
from saddlepoint.core.schedules import along_cosine
from saddlepoint.data import augment as augmentation
from saddlepoint.data.loader import DeviceData, Items, as_batch
from saddlepoint.training.device import autocast
from saddlepoint.training.judging import in_one_call, judge
from saddlepoint.training.schedule import progress
from saddlepoint.training.state import TrainState, ema_decay, uncompiled, update_ema
from saddlepoint.training.sums import Sums


class Inputs(NamedTuple):
    """All that a turn is given: with the state and the seed, it decides the outcome."""

    real: Items
    z: Tensor
    """float32 [batch_size, latent_dim]."""
    noise: Tensor | float
    """Standard deviation of the instance noise."""
    ema_weight: Tensor | float
    """How far the average moves towards the generator, in [0, 1]."""
    strength: Tensor | float = 1.0
    """What the penalties are multiplied by."""


class Outcome(NamedTuple):
    """What a turn returns; it also changes the state."""

    real: Batch
    fake: Tensor
    """float32 [batch_size, ...] without a graph."""
    names: tuple[str, ...]
    values: Tensor
    """float32 [len(names)]: losses, mean logits and the sum of the penalties that were due."""


def draw(state: TrainState, config: Config, data: DeviceData) -> Inputs:
    """The inputs of the turn at `state.n_images`; a function of the seed and that number."""
    train = config.train
    conditional = config.arch.conditioning != "none"
    real = data.items(state.n_images, train.batch_size, config.augment, with_labels=conditional)
    n_after = state.n_images + train.batch_size
    images_per_step = train.batch_size * train.n_critic
    return Inputs(
        real=real,
        z=latents(config, state.generator.latent_dim, state.n_images),
        noise=instance_noise(config, state.n_images),
        ema_weight=1 - ema_decay(config.ema, n_after, images_per_step, progress(config, n_after)),
        strength=along_cosine(1.0, train.final_penalty_factor, progress(config, state.n_images)),
    )


def latents(config: Config, latent_dim: int, n_images: int) -> Tensor:
    """The z of the turn at `n_images`, of this rank's items: float32 [n, latent_dim] on the
    device."""
    generator = torch.Generator(config.train.device)
    generator.manual_seed(derive_seed(config.seed, "latent", n_images))
    shape = (config.train.batch_size, latent_dim)
    return sharing().mine(torch.randn(shape, generator=generator, device=config.train.device))


def penalties_due(config: Config, n_turns: int) -> tuple[Penalty, ...]:
    """The penalties that are due after `n_turns` discriminator steps."""
    return tuple(penalty for penalty in config.penalties if n_turns % penalty.every == 0)


def turn(
    state: TrainState,
    config: Config,
    given: Inputs,
    penalties: Sequence[Penalty],
    with_generator: bool,
    watched: bool = False,
) -> Outcome:
    """One discriminator step and, where it is the step's last, the generator's and the average's.

    It may be recorded as a CUDA graph and replayed (graphs.py), which repeats the kernels and none
    of the Python: whatever differs from turn to turn has to come in as a tensor of `given` or of
    the state, or be part of the key that graphs are kept under.

    Args:
        watched: the doctor looks on, and has to see real images and fakes apart.
    """
    sums = Sums()
    real, z = as_batch(given.real), given.z
    # The last fakes serve both players, so their graph is kept for the generator's step.
    # Accumulation keeps no graph: its parts are generated again, one at a time.
    shared = with_generator and config.train.accumulate == 1
    with torch.set_grad_enabled(shared), autocast(config.train):
        fake = state.generator(z, real.labels)
    together = not watched and in_one_call(state, config)
    real_logits = discriminator_step(
        state, config, real, fake, sums, penalties, given.noise, given.strength, together
    )
    if with_generator:
        with_graph = fake if shared else None
        generator_step(state, config, real, real_logits, z, with_graph, sums, given.noise)
        update_ema(state.ema, state.generator, given.ema_weight)
    means = sums.end_step()
    values = sharing().mean(torch.stack(list(means.values())))
    return Outcome(real, fake.detach(), tuple(means), values)


def instance_noise(config: Config, n_images: int) -> float:
    """Standard deviation of the noise on all that the discriminator sees; falls to 0."""
    return config.train.instance_noise * (1 - progress(config, n_images))


def shown(images: Tensor, config: Config, noise: Tensor | float) -> Tensor:
    """What the discriminator sees of real or generated images: the same kind of changes to both.

    Instance noise gives both distributions a common support, so that telling them apart stays a
    matter of degree. Paper: Sønderby et al. 2017, https://arxiv.org/abs/1610.04490, section 3.2.
    """
    images = augmentation.differentiable(config.augment, images)
    # Asked of the configuration, not of `noise`: a tensor's value is not known to Python.
    if config.train.instance_noise > 0:
        images = images + noise * sharing().noise_like(images)
    return images


def discriminator_step(
    state: TrainState,
    config: Config,
    real: Batch,
    fake: Tensor,
    sums: Sums,
    penalties: Sequence[Penalty] = (),
    noise: Tensor | float = 0.0,
    strength: Tensor | float = 1.0,
    together: bool = False,
) -> Tensor:
    """Raise the logits of `real`, lower those of `fake`, add the penalties that are due.

    Args:
        fake: [n, ...] generated with the labels of `real`; its graph is not followed.
        penalties: those that are due.
        noise: standard deviation of the instance noise.
        strength: what the penalties are multiplied by.
        together: real images and fakes are judged in one call.

    Returns:
        The logits of `real` before the step, float32 [n], without a graph.
    """
    state.optim_d.zero_grad(set_to_none=True)
    losses, terms, seen, seen_fake = [], [], [], []
    parts = config.train.accumulate
    for batch, fakes in zip(split(real, parts), fake.detach().chunk(parts), strict=True):
        part = Batch(shown(batch.images, config, noise), batch.labels)
        made = shown(fakes, config, noise)
        with autocast(config.train):
            real_logits, fake_logits, slopes = judge(state, config, part, made, penalties, together)
            loss = config.loss.discriminator(real_logits, fake_logits).mean()
            losses.append(loss.detach())
            for penalty in penalties:
                if penalty.side in slopes:
                    term = penalty.of_slopes(slopes[penalty.side]).mean()
                else:
                    with uncompiled(state.discriminator):
                        term = penalty(state.discriminator, part.images, made, part.labels).mean()
                # Asked of the configuration, as for the noise above.
                if config.train.final_penalty_factor != 1:
                    term = strength * term
                loss = loss + penalty.every * term
                terms.append(term.detach())
        _backward(loss, parts)
        seen.append(real_logits.detach())
        seen_fake.append(fake_logits.detach())
    sharing().average_gradients(state.discriminator.parameters())
    state.optim_d.step()
    config.loss.constrain(state.discriminator)
    all_real = _joined(seen)
    sums.add("loss_d", _joined(losses))
    if penalties:
        sums.add("penalty", torch.stack(terms) * len(penalties))  # the sum over the penalties
    sums.add("real_logit", all_real)
    sums.add("fake_logit", _joined(seen_fake))
    return all_real


def _backward(loss: Tensor, parts: int) -> None:
    """Add the gradient of one of `parts` equal parts of a batch."""
    (loss if parts == 1 else loss / parts).backward()


def _joined(parts: list[Tensor]) -> Tensor:
    """What parts of a batch gave, as one tensor; without a copy where the batch is whole."""
    if len(parts) == 1:
        return parts[0]
    return torch.cat([part.view(-1) for part in parts])


def generator_step(
    state: TrainState,
    config: Config,
    real: Batch,
    real_logits: Tensor,
    z: Tensor,
    fake: Tensor | None,
    sums: Sums,
    noise: Tensor | float = 0.0,
) -> None:
    """Move the generator where the discriminator believes its images more.

    Args:
        real: its labels are those of the fakes.
        real_logits: [n] of `real`, from the discriminator's step: constants to the generator, so
            a relativistic loss need not pay for a forward pass to have them one step newer.
        z: [n, latent_dim]; used again when `fake` is None (accumulation keeps no graph).
        fake: [n, ...] with its graph, as the discriminator has just seen it, or None.
        noise: standard deviation of the instance noise.
    """
    state.optim_g.zero_grad(set_to_none=True)
    # Frozen weights: the gradient still flows through the discriminator, but is not computed
    # for its parameters, which would be a third of its backward pass and then thrown away.
    state.require_gradients_d(False)
    losses = []
    parts = config.train.accumulate
    pieces = zip(split(real, parts), real_logits.chunk(parts), z.chunk(parts), strict=True)
    for part, part_logits, part_z in pieces:
        with autocast(config.train):
            made = state.generator(part_z, part.labels) if fake is None else fake
            seen = shown(made, config, noise)
            fake_logits = state.discriminator(seen, part.labels).float()
            loss = config.loss.generator(fake_logits, part_logits).mean()
        _backward(loss, parts)
        losses.append(loss.detach())
    state.require_gradients_d(True)
    sharing().average_gradients(state.generator.parameters())
    state.optim_g.step()
    sums.add("loss_g", _joined(losses))


def split(batch: Batch, parts: int) -> list[Batch]:
    """A batch in equal parts."""
    if parts == 1:
        return [batch]
    images = batch.images.chunk(parts)
    labels = batch.labels.chunk(parts) if batch.labels is not None else [None] * parts
    return [Batch(i, y) for i, y in zip(images, labels, strict=True)]


def gradient_norm(net: nn.Module) -> Tensor:
    """The 2-norm of all gradients of a net as one vector, on the device."""
    norms = [p.grad.norm() for p in net.parameters() if p.grad is not None]
    return torch.stack(norms).norm() if norms else torch.zeros(())
