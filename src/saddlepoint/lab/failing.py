"""A configuration that fails on purpose, for `saddle lab failures`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.reporting.failures import Case

CHECKS = 30
"""How often the doctor checks a short run, at least."""
WAYS = {"untreated": "advise", "treated": "treat"}
"""Folder of a run -> the doctor's mode in it."""


SMALL_MLP: dict[str, Any] = {
    "arch.generator_widths": (96, 96, 96),
    "arch.discriminator_widths": (96, 96, 96),
    "arch.latent_dim": 8,
}


@dataclass(frozen=True, kw_only=True)
class Failure(Case):
    """A configuration that fails on purpose, and how."""

    name: str
    preset: str = "gan"
    data: str = "ring8"
    kimg: float = 480
    """Long enough, by default, for a cured run to draw points and not a smear."""
    rates: tuple[float, float]
    """Learning rates of generator and discriminator, which have Adam."""
    check_kimg: float = 2.5
    """Kimg between two checks, at most; it decides how soon a finding can come."""
    beta1: float = 0.5
    nets: dict[str, Any] = field(default_factory=lambda: SMALL_MLP)
    """What keeps them small: a run takes seconds."""
    changes: dict[str, Any] = field(default_factory=dict)
    """What makes it fail, and what keeps it small."""

    def config(self, way: str, seed: int) -> Config:
        """The configuration of one run; both ways start from the same one."""
        # Many checks: a finding needs several of them.
        check = min(self.check_kimg, self.kimg / CHECKS)
        small = {
            **self.nets,
            "train.tick_kimg": check,
            "doctor.probe_kimg": check,
            "doctor.mode": WAYS[way],
        }
        for player, lr in zip(("optim_g", "optim_d"), self.rates, strict=True):
            small[player] = {"kind": "adam", "lr": lr, "beta1": self.beta1}
        changes = {**small, **self.changes}
        return api.configure(self.preset, self.data, seed=seed, kimg=self.kimg, changes=changes)
