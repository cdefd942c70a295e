"""A conditional generator with one image a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import above, at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import WIRING, Checks, gains
from saddlepoint.diagnosis.detectors._examples import learning, run, traps


@register("latent-ignored")
@dataclass(frozen=True, kw_only=True)
class LatentIgnored(Detector):
    """A new latent with the same label hardly changes the image.

    The labels still give different images, so that a whole batch looks varied: the collapse shows
    only within a label.
    Papers: Zhu et al. 2017, https://arxiv.org/abs/1711.11586, section 1 (noise that is ignored);
    Isola et al. 2017, https://arxiv.org/abs/1611.07004, section 3.1.
    """

    effect: float = 0.15
    """Change by a new latent, as a share of that by another real image of the label."""
    label_effect: float = 0.3
    """Change by a new label, in changes by a new latent, that shows that labels do matter."""
    warmup: float = 200
    """Rounds that are not looked at."""
    m: int = 5
    """Checks that must be ill ..."""
    k: int = 6
    """... among this many."""
    steps: float = 200
    """Rounds for which it must have lasted."""

    explained_by: ClassVar[tuple[str, ...]] = (*WIRING, "non-finite", "divergence")

    def __post_init__(self) -> None:
        above(self, 0, "effect", "label_effect")
        at_least(self, 0, "warmup", "steps")
        between(self, 1, self.k, "m")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "latent_effect", "label_effect", after=self.warmup)
        effect = looks["latent_effect"]
        ill = (effect < self.effect) & (looks["label_effect"] > self.label_effect)
        with np.errstate(invalid="ignore"):  # without variety even among labels it is a collapse
            ill &= ~(looks["pair_ratio"] < self.effect)
        first = looks.lasting(ill, self.m, self.k, self.steps)
        if first is None or gains(effect, max(0, len(effect) - 2 * self.k), 0.5, self.effect / 4):
            return None
        evidence = [
            Evidence(
                name="latent_effect",
                value=float(effect[-1]),
                healthy=(self.effect, None),
                note="change by a new latent as a share of that by another real image of the label",
            )
        ]
        if np.isfinite(looks["label_diversity"][-1]):
            evidence.append(
                Evidence(
                    name="label_diversity",
                    value=float(looks["label_diversity"][-1]),
                    healthy=(self.effect, None),
                    note="spread of the fakes of one label as a share of the data's",
                )
            )
        message = (
            "The generator ignores its latent: with one label, a new latent changes the image by "
            f"only {100 * effect[-1]:.2g} % of what another real image of that label would."
        )
        return looks.finding(self, first, "fatal", message, tuple(evidence))

    @classmethod
    def healthy(cls) -> list[History]:
        return traps()

    @classmethod
    def unhealthy(cls) -> list[History]:
        loses = {"latent_effect": learning(0.8, 0.02, 8.0), "label_diversity": 0.03}
        loses |= {"label_effect": 30.0, "duplicates": 0.8, "pair_ratio": 0.9, "rke_ratio": 0.4}
        return [run(loses), run({**loses, "latent_effect": 0.05, "label_effect": 15.0})]
