"""What is treated: configurations that fail on eight modes, and healthy ones with traps.

As in suites.py, not the intention counts but what became of the untreated run (rescue.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes

DATA = "ring8"
KIMG = 60.0
CHECKS = 30
"""Lines of metrics, and checks of the doctor, in a run."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A preset and what is planted in it."""

    name: str
    preset: str = "gan"
    changes: dict[str, Any] = field(default_factory=dict)

    def config(self, seed: int) -> Config:
        """The run's configuration, to be treated."""
        small = {
            "arch.generator_widths": (96, 96),
            "arch.discriminator_widths": (96, 96),
            "arch.latent_dim": 8,
            "optim_g": adam(2e-3),
            "optim_d": adam(2e-3),
            "train.device": "cpu",
            "doctor.mode": "treat",
        }
        config = api.configure(self.preset, DATA, seed=seed, kimg=KIMG, changes=small)
        config = with_changes(config, self.changes)
        tick = config.train.kimg / CHECKS
        return with_changes(config, {"train.tick_kimg": tick, "doctor.probe_kimg": tick})


def adam(lr: float, beta1: float = 0.5) -> dict[str, Any]:
    return {"kind": "adam", "lr": lr, "beta1": beta1, "beta2": 0.99, "decay_start": 1.0}


R1 = ({"kind": "r1", "gamma": 0.1, "every": 2},)
LOSSES: dict[str, dict[str, Any]] = {
    "non-saturating": {},
    "hinge": {"loss": {"kind": "hinge"}},
    "relativistic": {"loss": {"kind": "relativistic"}, "penalties": R1},
    "wasserstein": {
        "loss": {"kind": "wasserstein", "clip": 0.0},
        "penalties": ({"kind": "gradient-penalty", "weight": 1.0},),
        "optim_g": adam(2e-3, 0.0),
        "optim_d": adam(2e-3, 0.0),
        "train.n_critic": 2,
        "train.kimg": 2 * KIMG,
    },
}
"""Loss -> a setting of it that learns the data."""

NO_NORM = {"arch.generator_norm": "none"}
SLOW_D = {"optim_d": adam(1e-6)}
STRONG_D = {"arch.discriminator_widths": (256, 256, 256), "optim_d": adam(2e-3)}
FAULTS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "complete-collapse": (("non-saturating", "hinge"), {**NO_NORM, **SLOW_D}),
    "partial-collapse": (
        ("non-saturating", "hinge"),
        {
            **NO_NORM,
            "arch.discriminator_widths": (512, 256),
            "optim_g": adam(1e-3),
            "optim_d": adam(1e-3),
        },
    ),
    "discriminator-wins": (
        ("non-saturating", "hinge"),
        {**STRONG_D, "optim_g": adam(5e-5), "train.n_critic": 2},
    ),
    "frozen-generator": (
        ("non-saturating", "relativistic"),
        {**STRONG_D, "optim_g": adam(1e-6)},
    ),
    "generator-wins": (("non-saturating", "relativistic", "wasserstein"), SLOW_D),
    "oscillation": (
        ("non-saturating", "hinge"),
        {"optim_g": adam(5e-3, 0.95), "optim_d": adam(5e-3, 0.95)},
    ),
    "learning-rate-too-high": (
        ("non-saturating", "relativistic"),
        {"optim_g": adam(5e-2), "optim_d": adam(5e-2)},
    ),
    "weak-discriminator": (
        ("non-saturating", "hinge", "relativistic"),
        {"arch.discriminator_widths": (2,)},
    ),
    "tiny-generator": (("non-saturating",), {"arch.generator_widths": (4,), "arch.latent_dim": 1}),
    "latent-drowned": (("non-saturating",), {**NO_NORM, "arch.latent_scale": 1e-4}),
    "no-penalty": (("wasserstein",), {"penalties": ()}),
    "faint-penalty": (
        ("wasserstein",),
        {"penalties": ({"kind": "gradient-penalty", "weight": 1e-4},)},
    ),
    "clipped-critic": (
        ("wasserstein",),
        {"loss": {"kind": "wasserstein", "clip": 1e-3}, "penalties": ()},
    ),
}
"""Fault -> the losses that it is planted in, and what is changed."""

TRAPS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strong-discriminator": {"arch.discriminator_widths": (256, 128), "optim_d": adam(4e-3)},
    "many-critic-steps": {"train.n_critic": 4, "train.kimg": 2 * KIMG},
    "small-batch": {"train.batch_size": 32},
    "wide-latent": {"arch.latent_dim": 64},
    "rate-decay": {"optim_g.decay_start": 0.3, "optim_d.decay_start": 0.3},
}
"""Changes of a healthy setting that leave it healthy (or so it is meant)."""


def cases(seed: int) -> list[Case]:
    """Every fault in each of its losses, and each trap with one of the losses, another one with
    every second seed."""
    found = [made(name, loss, more) for name, (kinds, more) in FAULTS.items() for loss in kinds]
    found.append(
        Case(
            name="discriminator-wins/minimax",
            preset="gan-minimax",
            changes={"optim_g": adam(1e-4), "optim_d": adam(1e-3), "train.n_critic": 5},
        )
    )
    for place, (name, more) in enumerate(TRAPS.items()):
        found.append(made(name, list(LOSSES)[(place + seed // 2) % len(LOSSES)], more))
    return found


def made(name: str, loss: str, more: dict[str, Any]) -> Case:
    return Case(name=f"{name}/{loss}", changes={**LOSSES[loss], **more})
