"""Cases on images: presets, and changes of them that are meant to fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ImageCase:
    """One small run of a preset on labelled images."""

    name: str
    suite: str
    data: str
    preset: str
    changes: dict[str, Any] = field(default_factory=dict)
    """Dotted path -> value."""
    n_train: int = 0
    """Training images; 0: all but the held-out ones."""
    latent_scale: float = 1.0
    """What the generator sees of its latent; 0: nothing."""
    label_unseen: bool = False
    """The discriminator gets label 0 always."""

    @property
    def also(self) -> tuple[str, ...]:
        """Names of the sabotage itself, which are right as well where the run does fail."""
        rates = [self.changes.get(f"optim_{player}.lr", 0.0) for player in "gd"]
        if max(rates) >= TOO_FAST:
            return ("learning-rate-too-high",)
        return ("lipschitz-violation",) if "loss.clip" in self.changes else ()


TOO_FAST = 1e-2
"""A learning rate of Adam that it is right to call too high."""
NARROW = {
    "arch.generator_width": 16,
    "arch.discriminator_width": 16,
    "arch.discriminator_residuals": 0,  # as the presets were when the first runs were played
    "arch.self_modulation": False,
}
SIZES: dict[str, dict[str, Any]] = {
    "digits": {**NARROW, "train.kimg": 120.0, "arch.full_resolution": False},
    "fashion-mnist": {**NARROW, "train.kimg": 60.0},
    "stacked-mnist": {**NARROW, "train.kimg": 100.0},
}

HINGE = {"loss": {"kind": "hinge"}}
TINY = {"arch.discriminator_width": 4}

HEALTHY = ("dcgan", "dcgan-r1", "wgan-gp")
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "fast-discriminator": ("dcgan", {"optim_d.lr": 2e-2, "optim_g.lr": 1e-4}),
    "fast-generator": ("dcgan", {"optim_g.lr": 3e-2, "optim_d.lr": 1e-4}),
    "slow-discriminator": ("dcgan-r1", {"optim_d.lr": 1e-6}),
    "strong-momentum": ("dcgan-r1", {"optim_g.beta1": 0.95, "optim_d.beta1": 0.95}),
    "faint-penalty": ("wgan-gp", {"penalties.0.weight": 1e-3}),
    "tiny-clip": ("wgan", {"loss.clip": 5e-4}),
    "both-too-fast": ("dcgan", {"optim_g.lr": 2e-2, "optim_d.lr": 2e-2}),
    "one-latent": ("dcgan", {"arch.latent_dim": 1}),
    "hinge-fast-discriminator": ("dcgan", {**HINGE, "optim_d.lr": 2e-2, "optim_g.lr": 1e-4}),
    "hinge-fast-generator": ("dcgan", {**HINGE, "optim_g.lr": 3e-2, "optim_d.lr": 1e-4}),
    "hinge-slow-discriminator": ("dcgan", {**HINGE, "optim_d.lr": 1e-6}),
}
"""Fault -> preset and changes."""


def image_cases() -> list[ImageCase]:
    """Every case on images, without seeds."""
    return [case for data in SIZES for case in cases_of(data)]


def cases_of(data: str) -> list[ImageCase]:
    """The cases on one data set. The thousand classes of Stacked-MNIST are modes, not labels."""

    def case(name: str, suite: str, preset: str, **more: Any) -> ImageCase:
        changes = {**SIZES[data], **more.pop("changes", {})}
        return ImageCase(
            name=f"{name}/{preset}/{data}",
            suite=suite,
            data=data,
            preset=preset,
            changes=changes,
            **more,
        )

    found = [case("plain", "B", preset) for preset in HEALTHY]
    found.append(case("hinge", "B", "dcgan", changes=HINGE))
    found.append(case("strong-discriminator", "B", "dcgan-r1", changes={"optim_d.lr": 3e-3}))
    found += [
        case(fault, "A", preset, changes=changes) for fault, (preset, changes) in FAULTS.items()
    ]
    found.append(case("few-images", "A", "dcgan", n_train=100))
    if data == "stacked-mnist":
        return [*found, case("tiny-discriminator", "A", "dcgan", changes=TINY)]
    conditional = "cgan-every-layer"
    return [
        *found,
        case("plain", "B", conditional),
        case("latent-lost", "A", conditional, latent_scale=0.0),
        case("label-unseen", "A", conditional, label_unseen=True),
    ]
