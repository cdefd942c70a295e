"""One step of each player. No number leaves the device here; sums are read once a tick."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Batch, Discriminator
from saddlepoint.core.randomness import derive_seed
from saddlepoint.data import augment as augmentation
from saddlepoint.training.device import autocast
from saddlepoint.training.schedule import progress
from saddlepoint.training.state import TrainState


class Sums:
    """Means over a tick, added up on the device."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self.last: dict[str, Tensor] = {}
        """The newest value of each, on the device."""

    def add(self, name: str, values: Tensor) -> None:
        """Add the mean of `values` to the tick's mean of `name`."""
        value = self.last[name] = values.detach().mean()
        self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._counts[name] = self._counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """The means since the last call; one synchronisation with the device."""
        names = list(self._sums)
        values = torch.stack([self._sums[n].float() for n in names]).tolist() if names else []
        means = {n: v / self._counts[n] for n, v in zip(names, values, strict=True)}
        self._sums, self._counts = {}, {}
        return means


def latents(config: Config, latent_dim: int, n_images: int) -> Tensor:
    """The z of the step at `n_images`: float32 [batch_size, latent_dim] on the device."""
    generator = torch.Generator(config.train.device)
    generator.manual_seed(derive_seed(config.seed, "latent", n_images))
    shape = (config.train.batch_size, latent_dim)
    return torch.randn(shape, generator=generator, device=config.train.device)


def shown(images: Tensor, config: Config, n_images: int) -> Tensor:
    """What the discriminator sees of real or generated images: the same kind of changes to both.

    Instance noise gives both distributions a common support, so that telling them apart stays a
    matter of degree. Paper: Sønderby et al. 2017, https://arxiv.org/abs/1610.04490, section 3.2.
    """
    images = augmentation.differentiable(config.augment, images)
    noise = config.train.instance_noise * (1 - progress(config, n_images))
    return images + noise * torch.randn_like(images) if noise > 0 else images


def discriminator_step(
    state: TrainState, config: Config, real: Batch, fake: Tensor, lazy_step: int, sums: Sums
) -> Tensor:
    """Raise the logits of `real`, lower those of `fake`, add the penalties that are due.

    Args:
        fake: [n, ...] generated with the labels of `real`; its graph is not followed.
        lazy_step: discriminator steps so far; decides which lazy penalties are due.

    Returns:
        The logits of `real` before the step, float32 [n], without a graph.
    """
    state.optim_d.zero_grad(set_to_none=True)
    seen = []
    parts = config.train.accumulate
    for batch, fakes in zip(split(real, parts), fake.detach().chunk(parts), strict=True):
        part = Batch(shown(batch.images, config, state.n_images), batch.labels)
        made = shown(fakes, config, state.n_images)
        with autocast(config.train):
            # Two passes: real and fake must not share the statistics of one BatchNorm pass.
            real_logits = state.discriminator(part.images, part.labels).float()
            fake_logits = _fake_logits(
                state.discriminator, part, made, config.train.wrong_label_fraction
            )
            adversarial = config.loss.discriminator(real_logits, fake_logits).mean()
            loss = adversarial
            for penalty in config.penalties:
                if lazy_step % penalty.every == 0:
                    term = penalty(state.discriminator, part.images, made, part.labels).mean()
                    sums.add("penalty", term)
                    loss = loss + penalty.every * term
        (loss / parts).backward()
        sums.add("loss_d", adversarial)
        sums.add("real_logit", real_logits)
        sums.add("fake_logit", fake_logits)
        seen.append(real_logits.detach())
    state.optim_d.step()
    config.loss.constrain(state.discriminator)
    return torch.cat(seen)


def _fake_logits(
    discriminator: Discriminator, real: Batch, made: Tensor, wrong_label_fraction: float
) -> Tensor:
    """What the discriminator must lower: its logits of the fakes, float32 [n].

    A share of the fakes gives way to real images beside a wrong label: the discriminator then
    has to look at the label, and the generator has to draw what cannot be taken for another class.
    Paper: Reed et al. 2016, https://arxiv.org/abs/1605.05396, section 4.1 (GAN-CLS).
    """
    n_wrong = int(wrong_label_fraction * len(made))
    if n_wrong == 0:
        return discriminator(made, real.labels).float()
    assert real.labels is not None
    n_classes = discriminator.n_classes
    shift = torch.randint(1, n_classes, (n_wrong,), device=made.device)
    wrong = (real.labels[:n_wrong] + shift) % n_classes
    # A pass of its own, as for the real images: its statistics are not those of the fakes.
    logits_wrong = discriminator(real.images[:n_wrong], wrong)
    logits_made = discriminator(made[n_wrong:], real.labels[n_wrong:])
    return torch.cat([logits_wrong, logits_made]).float()


def generator_step(
    state: TrainState,
    config: Config,
    real: Batch,
    real_logits: Tensor,
    z: Tensor,
    fake: Tensor | None,
    sums: Sums,
) -> None:
    """Move the generator where the discriminator believes its images more.

    Args:
        real: its labels are those of the fakes.
        real_logits: [n] of `real`, from the discriminator's step: constants to the generator, so
            a relativistic loss need not pay for a forward pass to have them one step newer.
        z: [n, latent_dim]; used again when `fake` is None (accumulation keeps no graph).
        fake: [n, ...] with its graph, as the discriminator has just seen it, or None.
    """
    state.optim_g.zero_grad(set_to_none=True)
    # Frozen weights: the gradient still flows through the discriminator, but is not computed
    # for its parameters, which would be a third of its backward pass and then thrown away.
    state.discriminator.requires_grad_(False)
    parts = config.train.accumulate
    pieces = zip(split(real, parts), real_logits.chunk(parts), z.chunk(parts), strict=True)
    for part, part_logits, part_z in pieces:
        with autocast(config.train):
            made = state.generator(part_z, part.labels) if fake is None else fake
            seen = shown(made, config, state.n_images)
            fake_logits = state.discriminator(seen, part.labels).float()
            loss = config.loss.generator(fake_logits, part_logits).mean()
        (loss / parts).backward()
        sums.add("loss_g", loss)
    state.discriminator.requires_grad_(True)
    state.optim_g.step()


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
