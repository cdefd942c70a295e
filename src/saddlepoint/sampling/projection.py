"""The latent that comes nearest to a picture, found by following the gradient from several starts.

Minimised over z, and over the label of a conditional model:

    mean (G(z) - x)^2 + FEATURES * |f(G(z)) - f(x)|^2 / |f(x)|^2 + PRIOR * mean z^2

with pixels in [-1, 1] and f the features of a network that knows the data, if there is one. The
last term is, but for a factor, the negative logarithm of z's density: it keeps z where the
generator was trained. Papers: Zhu et al. 2016, https://arxiv.org/abs/1609.03552, section 3.1
(pixels and features); Creswell & Bharath 2018, https://arxiv.org/abs/1611.05644 (the prior).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.checks import in_range
from saddlepoint.core.errors import InputError
from saddlepoint.core.images import to_unit
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.tensors import exact_float32
from saddlepoint.sampling.sampler import BATCH_SIZE, Sampler

SCREENED = 1024
"""Latents whose images are compared with the picture; the starts are the best of them."""
STARTS = 8
"""One alone ends three times as far from a picture that the generator made."""
LEARNING_RATE = 0.1
FEATURES = 0.2
"""A seventh nearer for another classifier, at the price of 3 % more in pixels (24 test images)."""
PRIOR = 0.001
"""Ten times as much shows on pictures that the generator made. All four: docs/log.md, "From a
picture back to its latent"."""
MOST_STEPS = 100_000
Features = Callable[[Tensor], Tensor]
"""float32 [n, c, h, w] in [-1, 1] -> [n, d], with a gradient."""


class Step(NamedTuple):
    """Where a projection is."""

    done: int
    of: int
    squares: Tensor
    """float32 [starts]: mean squared difference in pixels before this step, on the device."""
    losses: Tensor
    """float32 [starts]: what is minimised, likewise."""
    images: Tensor
    """float32 [starts, c, h, w]: what the generator made before this step, likewise."""


@dataclass(frozen=True, kw_only=True)
class Projection:
    """What was found for one picture."""

    z: Tensor
    """float32 [latent_dim]."""
    label: int | None
    image: np.ndarray
    """uint8 [h, w, c]: what the generator makes of z."""
    error: float
    """Root of the mean squared difference to the picture, in grey levels (0 to 255)."""
    curves: np.ndarray
    """float32 [starts, steps + 1]: this error of each start before each step and at the end."""
    losses: np.ndarray
    """float32 [starts, steps + 1]: what is minimised, likewise."""
    start: int
    """The start that was kept: the one whose loss ended lowest."""


def project(
    sampler: Sampler,
    picture: np.ndarray,
    features: Features | None = None,
    labels: Sequence[int] | None = None,
    steps: int = 200,
    seed: int = 0,
    progress: Callable[[Step], None] = lambda step: None,
) -> Projection:
    """The latent whose image comes nearest to a picture; the same for the same seed.

    Args:
        picture: uint8 [h, w, c], of the model's own shape.
        labels: the classes to try, of a conditional model; None: all.
        steps: of Adam, whose learning rate falls to 0 along half a cosine.
        progress: called after each step; whatever it raises ends the search.

    Raises:
        InputError: a model of points, a picture of another shape, labels that do not fit the
            model, or images that are not finite.
    """
    sampler.require_images()
    in_range(steps, 1, MOST_STEPS, "--steps")
    channels, height, width = sampler.spec.shape
    if picture.shape != (height, width, channels):
        raise InputError(
            f"The picture is {list(picture.shape)}, but the model makes images [h, w, c] = "
            f"{[height, width, channels]}; resize it."
        )
    with exact_float32(torch.device(sampler.device)):
        target = _Target(sampler, picture, features)
        z, classes = _starts(target, labels, seed)
        z.requires_grad_(True)
        optimizer = torch.optim.Adam([z], betas=(0.9, 0.99))
        rows = []
        for step in range(steps):
            falling = (1 + math.cos(math.pi * step / steps)) / 2
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * falling
            with torch.enable_grad():
                loss, squares, made = target.loss(z, classes)
                optimizer.zero_grad()
                # Of each start on its own: a sum has the gradient of each.
                loss.sum().backward()
            optimizer.step()
            rows.append((squares, loss.detach()))
            progress(Step(step + 1, steps, squares, loss.detach(), made))
        with torch.no_grad():
            loss, squares, _ = target.loss(z, classes)
        rows.append((squares, loss))
    errors, losses = (torch.stack(column, 1).cpu() for column in zip(*rows, strict=True))
    best = int(loss.argmin())
    found = z.detach()[best].cpu()
    label = None if classes is None else int(classes[best])
    image = sampler.images(found[None], None if label is None else [label])[0]
    return Projection(
        z=found,
        label=label,
        image=image,
        error=grey_error(image, picture),
        curves=(errors.sqrt() * 127.5).numpy(),
        losses=losses.numpy(),
        start=best,
    )


def grey_error(image: np.ndarray, picture: np.ndarray) -> float:
    """Root of the mean squared difference of two uint8 images, in grey levels."""
    return float(np.sqrt(np.mean((image.astype(np.float64) - picture) ** 2)))


class _Target:
    """The picture, and how far latents are from it."""

    def __init__(self, sampler: Sampler, picture: np.ndarray, features: Features | None) -> None:
        self.sampler, self.features = sampler, features
        self.picture = torch.from_numpy(to_unit(picture[None])).to(sampler.device)
        if features is not None:
            self.vector = features(self.picture)
            self.length = self.vector.square().sum().clamp_min(1e-12)

    def loss(self, z: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """What is minimised [n]; as constants the mean squared difference in pixels [n] and the
        images."""
        made = self.sampler.generator(z, labels)
        squares = (made - self.picture).square().mean((1, 2, 3))
        loss = squares + PRIOR * z.square().mean(1)
        if self.features is not None:
            apart = (self.features(made) - self.vector).square().sum(1)
            loss = loss + FEATURES * apart / self.length
        if not loss.isfinite().all():
            raise InputError(f"{self.sampler!r} makes values that are not finite; use another one.")
        return loss, squares.detach(), made.detach()


@torch.no_grad()
def _starts(
    target: _Target, labels: Sequence[int] | None, seed: int
) -> tuple[Tensor, Tensor | None]:
    """The best of many random latents, float32 [STARTS, latent_dim], and their labels."""
    sampler = target.sampler
    if labels is None and sampler.conditional:
        labels = range(sampler.spec.n_classes)
    tried = max(SCREENED, 0 if labels is None else len(labels))
    chosen = sampler.labels_for(range(tried), labels)
    source = torch.Generator().manual_seed(derive_seed(seed, "projection", 0))
    z = torch.randn(tried, sampler.generator.latent_dim, generator=source).to(sampler.device)
    classes = None if chosen is None else torch.tensor(chosen, device=sampler.device)
    loss = torch.cat(
        [
            target.loss(z[rows], None if classes is None else classes[rows])[0]
            for rows in torch.arange(tried).split(BATCH_SIZE)
        ]
    )
    kept = _best(loss.argsort(stable=True).tolist(), chosen or [0] * tried)
    return z[kept].clone(), None if classes is None else classes[kept]


def _best(order: Sequence[int], classes: Sequence[int]) -> list[int]:
    """The first STARTS of `order`, at most two of a class where there are enough classes: the class
    that looks best at first need not win."""
    each = max(STARTS // 4, -(-STARTS // len(set(classes))))
    counts: dict[int, int] = {}
    kept = []
    for index in order:
        counts[classes[index]] = counts.get(classes[index], 0) + 1
        if counts[classes[index]] <= each:
            kept.append(index)
    return kept[:STARTS]
