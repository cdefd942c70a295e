"""What is run: healthy cases with traps, and cases that are made to fail.

A case says how it is trained and what it is meant to be; what became of it is judged afterwards
(oracle.py). A sabotage that did no harm counts as healthy, and a healthy case that failed does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Case:
    """One small training loop in the plane."""

    name: str
    suite: str
    """A: made to fail. B: meant to be healthy."""
    loss: str
    data: str = "ring8"
    conditional: bool = False
    n_train: int = 0
    """Training points; 0: a fresh draw for every batch."""
    modes: int = 0
    """Only so many of the modes have data; 0: all."""
    uneven: bool = False
    """Mode i has a weight of 1 + i."""
    steps: int = 1400
    batch: int = 128
    n_critic: int = 1
    lr_g: float = 2e-3
    lr_d: float = 2e-3
    beta1: float = 0.5
    decay: bool = False
    """Learning rates fall linearly to 0."""
    latent: int = 8
    width_g: int = 128
    width_d: int = 128
    depth_d: int = 2
    """Hidden layers of the discriminator; 0: a linear one."""
    penalty: str = "r1"
    """r1, gp or none."""
    weight: float = 0.1
    """R1's gamma, or the penalty's lambda."""
    clip: float = 0.0
    latent_scale: float = 1.0
    """What the generator sees of its latent; 0: nothing."""
    labels_seen: bool = True
    """Whether the discriminator sees the label."""
    broken_from: int = 0
    """Step from which on the changes below replace the healthy values."""
    broken_lr_g: float = 0.0
    broken_lr_d: float = 0.0
    also: tuple[str, ...] = ()
    """Names of the sabotage itself, which are right as well where the run does fail."""
    nan_at: int = 0
    """A step at which a batch of real points holds a NaN."""


LOSSES = {
    "non-saturating": Case(name="", suite="B", loss="non-saturating"),
    "hinge": Case(name="", suite="B", loss="hinge"),
    "relativistic": Case(name="", suite="B", loss="relativistic"),
    "wasserstein": Case(
        name="",
        suite="B",
        loss="wasserstein",
        penalty="gp",
        weight=1.0,
        n_critic=2,
        beta1=0.0,
    ),
}
"""Loss -> a setting of it that learns both data sets."""

TRAPS = {
    "plain": {},
    "strong-discriminator": {"lr_d": 4e-3, "width_d": 256},
    "many-critic-steps": {"n_critic": 4},
    "small-batch": {"batch": 32},
    "slow-start": {"lr_g": 7e-4, "lr_d": 7e-4, "steps": 2100},
    "rate-decay": {"decay": True},
    "conditional": {"conditional": True},
    "three-modes": {"modes": 3},
    "uneven-modes": {"uneven": True},
    "wide-latent": {"latent": 64},
}
"""Changes of a healthy setting that leave it healthy (or so it is meant)."""

FAST: dict[str, object] = {"also": ("learning-rate-too-high",)}
FAULTS: dict[str, dict[str, object]] = {
    "greedy-generator": {"penalty": "none", "lr_g": 5e-3, "lr_d": 2e-4},
    "no-penalty": {"penalty": "none"},
    "tiny-generator": {"width_g": 4, "latent": 1},
    "fast-discriminator": {"penalty": "none", "lr_d": 2e-2, "lr_g": 1e-4, "n_critic": 5, **FAST},
    "slow-discriminator": {"lr_d": 1e-6, "lr_g": 2e-3},
    "linear-discriminator": {"depth_d": 0},
    "tiny-discriminator": {"width_d": 3, "depth_d": 1},
    "strong-momentum": {"penalty": "none", "beta1": 0.95, "lr_g": 3e-3, "lr_d": 3e-3},
    "generator-breaks": {"broken_from": 500, "broken_lr_g": 5e-2},
    "discriminator-breaks": {"broken_from": 500, "broken_lr_d": 5e-2},
    "nan": {"nan_at": 450},
    "few-points": {"n_train": 40, "penalty": "none", "width_d": 256},
    "latent-lost": {"conditional": True, "latent_scale": 0.0},
    "label-unseen": {"conditional": True, "labels_seen": False},
}
"""Ways to make a run fail."""

WASSERSTEIN_FAULTS: dict[str, dict[str, object]] = {
    "faint-penalty": {"weight": 1e-4},
    "tiny-clip": {"penalty": "none", "clip": 1e-3, "also": ("lipschitz-violation",)},
}
"""Ways that only a Wasserstein loss can fail."""


def cases(seed: int, every_loss: bool = False) -> list[Case]:
    """The cases of one seed. Each trap and each fault meets one of the four losses, another one
    with every second seed, so that even and odd seeds have the same pairs.

    Even seeds serve for tuning and play ring8 only.
    """
    found = []
    for data in ("ring8", "grid25") if seed % 2 else ("ring8",):
        rows = [("B", *item) for item in TRAPS.items()] + [("A", *item) for item in FAULTS.items()]
        for place, (suite, name, changes) in enumerate(rows):
            losses = list(LOSSES) if every_loss else [list(LOSSES)[(place + seed // 2) % 4]]
            found += [made(data, loss, suite, name, changes) for loss in losses]
        found += [
            made(data, "wasserstein", "A", name, changes)
            for name, changes in WASSERSTEIN_FAULTS.items()
        ]
    return found


def made(data: str, loss: str, suite: str, name: str, changes: dict[str, object]) -> Case:
    """A trap or a fault with one loss on one data set."""
    base = replace(LOSSES[loss], data=data, suite=suite, name=f"{name}/{loss}/{data}")
    return replace(replace(base, **_scale(data)), **changes)  # type: ignore[arg-type]  # by name


def _scale(data: str) -> dict[str, object]:
    """What the wider data set needs to be learned."""
    return {"steps": 1750, "width_g": 160, "width_d": 256} if data == "grid25" else {}
