"""The generator learns nothing from a discriminator that is always right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._checks import WIRING, Checks
from saddlepoint.diagnosis.detectors._examples import learning, run, traps


@register("discriminator-wins")
@dataclass(frozen=True, kw_only=True)
class DiscriminatorWins(Detector):
    """The discriminator tells every fake, and the generator's images are bad and stay so.

    A discriminator that is nearly always right is no failure by itself: those of large GANs are,
    in healthy runs. It has won when the fakes are far from the data and no measure of them gets
    better while it is right at every look.
    Papers: Arjovsky & Bottou 2017, https://arxiv.org/abs/1701.04862, section 2 (the gradient that
    vanishes); Brock et al. 2019, https://arxiv.org/abs/1809.11096, section 4.2 (healthy runs).
    """

    auc: float = 0.99
    """How often a real image must get a higher output than a fake one."""
    nearly: float = 0.97
    """The same, in the median, where it goes on for half as long again."""
    warmup: float = 200
    """Rounds that are not looked at."""
    m: int = 7
    """Checks that must be ill ..."""
    k: int = 8
    """... among this many."""
    steps: float = 250
    """Rounds for which it must have lasted."""

    explained_by: ClassVar[tuple[str, ...]] = (*WIRING, "non-finite", "divergence")

    def __post_init__(self) -> None:
        between(self, 0.5, 1, "auc")
        at_least(self, 0, "warmup", "steps")
        between(self, 1, self.k, "m")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "auc", "coverage", "coverage_null", after=self.warmup)
        poor = _quality.poor(looks)
        ill = (looks["auc"] >= self.auc) & poor
        first = looks.lasting(ill, self.m, self.k, self.steps)
        if first is None:
            first = self._long(looks, poor)
        if first is None or _quality.still_improves(looks, self.k, self.steps):
            return None
        gap = looks["real_logit"][-1] - looks["fake_logit"][-1]
        evidence = [
            Evidence(
                name="auc",
                value=float(looks["auc"][-1]),
                healthy=(0.5, self.nearly),
                note="how often a real image gets a higher output than a fake one",
            ),
            *_quality.evidence(looks),
        ]
        if np.isfinite(gap):
            evidence.append(
                Evidence(name="logit_gap", value=float(gap), note="mean real minus fake output")
            )
        message = (
            "The discriminator has won: it tells every fake from every real image, and the "
            "generator's images are far from the data and no longer improve (since step "
            f"{looks.steps[first]:.0f})."
        )
        return looks.finding(self, first, "fatal", message, tuple(evidence))

    def _long(self, looks: Checks, poor: np.ndarray) -> int | None:
        """The first of the last looks, half as many again and over half as many rounds again, at
        which the images were bad and the discriminator nearly always right."""
        first = looks.window(3 * self.k // 2, 1.5 * self.steps)
        if first is None or not poor[first:].all():
            return None
        return first if np.median(looks["auc"][first:]) >= self.nearly else None

    @classmethod
    def healthy(cls) -> list[History]:
        strict = {"auc": 0.98, "coverage": 0.05, "nearest_real": 1.5}
        return [*traps(), run(strict)]

    @classmethod
    def unhealthy(cls) -> list[History]:
        never: dict[str, Any] = {
            "auc": 1.0,
            "coverage": 0.0,
            "pair_ratio": 0.25,
            "nearest_real": 6.0,
        }
        never |= {"bins_weight": 0.85, "bins_missing": 0.85, "rke_ratio": 0.3, "loss_d": 1e-4}
        never |= {"real_logit": 9.0, "fake_logit": -11.0, "loss_g": 11.0}
        narrow = np.zeros((40, 20))
        narrow[:, :3] = 1.0
        never["bins"] = [[86, 85, 85, *[0] * 17]] * 40
        falls = {name: np.where(np.arange(40) < 15, 0.8, 1.0) for name in ("auc",)}
        falls |= {"coverage": np.where(np.arange(40) < 15, learning(0.0, 0.75), 0.0)}
        falls |= {"nearest_real": np.where(np.arange(40) < 15, 1.3, 7.0)}
        nearly = {**never, "auc": 0.98, "pair_ratio": 0.65}
        return [run(never), run({**never, **falls}), run(nearly)]
