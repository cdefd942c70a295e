"""One case on images played to its end: the parts of our own loop, and a doctor beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import torch
from eyes import Eyes, opened
from image_suites import ImageCase
from play import short
from torch import Tensor

import saddlepoint as sp
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.images import to_uint8
from saddlepoint.core.randomness import derive_seed
from saddlepoint.data.loader import DeviceData
from saddlepoint.presets import preset
from saddlepoint.training.device import resolve
from saddlepoint.training.loop import iterate
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums

LOOKS, OBSERVED = 40, 14
"""Looks of the doctor and of the oracle in one run."""


def configured(case: ImageCase, seed: int, source: Any) -> Config:
    """The preset with the case's changes, on one thread in float32."""
    changes = {"train.device": "cpu", "train.precision": "fp32", "seed": seed, **case.changes}
    config = with_changes(preset(case.preset, source), changes)
    return with_changes(config, {"train.device": resolve(config.train).device})


def play(case: ImageCase, seed: int) -> dict[str, Any]:
    """The case's history and what the oracle saw."""
    source, whole, eyes = opened(case.data)
    config = configured(case, seed, source)
    used, unseen = parts(whole, case.n_train)
    data = DeviceData(used, "cpu", seed)
    state = TrainState.new(config, whole.spec)
    sabotage(case, state)
    conditional = config.arch.conditioning != "none"
    world = World.of(eyes, whole, used, conditional)
    per_step = config.train.batch_size * config.train.n_critic
    n_steps = max(LOOKS, config.train.total_images // per_step)
    batch = data.batch(0, min(2560, len(used)))
    draw = torch.Generator().manual_seed(seed)
    doctor = sp.Doctor(
        state.generator,
        state.discriminator,
        state.optim_g,
        state.optim_d,
        real=tuple(batch) if batch.labels is not None else batch.images,
        latent=lambda n: torch.randn(n, state.generator.latent_dim, generator=draw),
        labels=(lambda n: batch.labels[torch.arange(n) % len(batch.labels)])  # type: ignore[index]
        if conditional
        else None,
        heldout=as_batch(unseen),
        every=max(10, n_steps // LOOKS),
    )
    sums, seen = Sums(), []
    for step in range(1, n_steps + 1):
        iterate(state, config, data, sums)
        losses = sums.take()
        doctor.step(loss_d=losses["loss_d"] + losses.get("penalty", 0.0), loss_g=losses["loss_g"])
        if step % max(1, n_steps // OBSERVED) == 0:
            with torch.random.fork_rng():
                torch.manual_seed(derive_seed(seed, "oracle", step))
                seen.append(observe(state, world, conditional, step))
    return {
        "steps": n_steps,
        "rows": [short(row) for row in doctor.history.rows],
        "oracle": [short(row) for row in seen],
        "world": world.to_json(conditional, config),
    }


def parts(whole: Dataset, n_train: int) -> tuple[Dataset, Dataset]:
    """The training images, and the images that are held out: a tenth, at most 512."""
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(whole))
    n_unseen = min(512, len(whole) // 10)
    chosen = order[n_unseen : n_unseen + n_train] if n_train else order[n_unseen:]
    return subset(whole, chosen), subset(whole, order[:n_unseen])


def subset(whole: Dataset, index: np.ndarray) -> Dataset:
    assert whole.labels is not None
    return Dataset(
        name=whole.name,
        spec=whole.spec,
        images=np.array(whole.images[index]),
        labels=whole.labels[index],
        fingerprint=f"{whole.fingerprint}-{len(index)}",
    )


def as_batch(data: Dataset) -> tuple[Tensor, Tensor]:
    images, labels = DeviceData(data, "cpu").batch(0, len(data))
    assert labels is not None
    return images, labels


def sabotage(case: ImageCase, state: TrainState) -> None:
    """Faults that no configuration has: a net that does not see a part of its input."""
    if case.latent_scale != 1.0:
        state.generator.register_forward_pre_hook(
            lambda _, args: (case.latent_scale * args[0], *args[1:])
        )
    if case.label_unseen:
        state.discriminator.register_forward_pre_hook(
            lambda _, args: (args[0], torch.zeros_like(args[1]))
        )


class World:
    """The real images as the oracle sees them: features, classes, distances."""

    def __init__(
        self, eyes: Eyes, real: Dataset, train: Dataset | None, shares: Tensor, conditional: bool
    ) -> None:
        self.eyes, self.real, self.train, self.shares = eyes, real, train, shares
        self.vectors, self.classes = eyes(real.images)
        self.pair = oracle.pair_distance(self.vectors)
        self.radii = radii(self.vectors)
        self.within = [
            oracle.pair_distance(self.vectors[self.classes == k])
            for k in range(real.spec.n_classes if conditional else 0)
        ]

    @classmethod
    def of(cls, eyes: Eyes, whole: Dataset, used: Dataset, conditional: bool) -> World:
        """1,000 real images at random; where there are few training images, these too."""
        order = np.random.Generator(np.random.PCG64(1)).permutation(len(whole))[:1000]
        few = used if len(used) < len(whole) // 4 else None
        assert whole.labels is not None
        labels = torch.from_numpy(np.array(whole.labels))
        shares = torch.bincount(labels, minlength=whole.spec.n_classes) / len(whole)
        return cls(eyes, subset(whole, order), few, shares, conditional)

    def to_json(self, conditional: bool, config: Config) -> dict[str, Any]:
        return {
            "weights": self.shares.tolist(),
            "rms": 1.0,
            "within": 0.1,
            "conditional": conditional,
            "penalised": config.loss.kind == "wasserstein" and not getattr(config.loss, "clip", 0),
            "on": [0.2, 0.35],
        }


def radii(vectors: Tensor, k: int = 3) -> Tensor:
    distances = torch.cdist(vectors, vectors).fill_diagonal_(torch.inf)
    return distances.kthvalue(k, dim=1).values


@torch.no_grad()
def observe(state: TrainState, world: World, conditional: bool, step: int) -> dict[str, Any]:
    """One row of the oracle: 1,000 fresh samples in the eyes of a classifier.

    "on" is the precision (k = 3) of the samples, as a share of nothing: real images have about
    0.9. "auc" and "slope" are the discriminator's own on fresh images.
    """
    n = len(world.vectors)
    z = torch.randn(n, state.generator.latent_dim)
    labels = world.classes if conditional else None
    made = state.generator(z, labels)
    row: dict[str, Any] = {"step": step, "finite": bool(made.isfinite().all())}
    if not row["finite"]:
        return row
    pixels = to_uint8(made.numpy())
    vectors, classes = world.eyes(pixels)
    near = torch.cdist(vectors, world.vectors) <= world.radii
    real, real_labels = as_batch(world.real)
    real_logits = state.discriminator(real, real_labels if conditional else None)
    fake_logits = state.discriminator(made, labels)
    row |= {
        "on": float(near.any(1).float().mean()),
        "covered": float(near.any(0).float().mean()),
        "modes": torch.bincount(classes, minlength=len(world.shares)).tolist(),
        "rms": 1.0,
        "spread": oracle.pair_distance(vectors) / world.pair,
        "auc": oracle.auc(real_logits, fake_logits),
        "gap_size": abs(float(real_logits.mean() - fake_logits.mean())),
        "slope": oracle.slope(state.discriminator, real, made, labels),
    }
    if labels is not None:
        row["obeyed"] = float((classes == labels).float().mean())
        inside = [
            oracle.pair_distance(vectors[labels == k]) / max(world.within[k], 1e-9)
            for k in range(len(world.within))
        ]
        row["within"] = float(np.median(inside))
    if world.train is not None:
        train, train_labels = as_batch(world.train)
        train_logits = state.discriminator(train, train_labels if conditional else None)
        row["memory"] = oracle.auc(train_logits, real_logits)
        train_vectors, _ = world.eyes(world.train.images)
        apart = torch.cdist(world.vectors, train_vectors)
        usual = float(apart[apart > 1e-6].view(-1).median()) if (apart > 1e-6).any() else 1.0
        nearest = torch.cdist(vectors, train_vectors).amin(1)
        row["copies"] = float((nearest < 0.1 * usual).float().mean())
    return row
