"""The discriminator is beaten, by bad images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._checks import WIRING, Checks
from saddlepoint.diagnosis.detectors._examples import run, traps


@register("generator-wins")
@dataclass(frozen=True, kw_only=True)
class GeneratorWins(Detector):
    """The discriminator believes fakes more than real images, although they are bad.

    The generator moves faster than the discriminator follows: whatever it makes is rated above the
    data (an AUC below one half), so that nothing draws it towards the data. In a healthy game the
    AUC falls to one half at most, and does so when the fakes are good.
    Paper: Heusel et al. 2017, https://arxiv.org/abs/1706.08500, section 2 (each player's own rate).
    """

    auc: float = 0.3
    """How often a real image gets a higher output than a fake one, below which it holds."""
    warmup: float = 200
    """Rounds that are not looked at."""
    m: int = 5
    """Checks that must be ill ..."""
    k: int = 8
    """... among this many."""
    steps: float = 200
    """Rounds for which it must have lasted."""

    explained_by: ClassVar[tuple[str, ...]] = (
        *WIRING,
        "non-finite",
        "divergence",
        "complete-mode-collapse",
    )

    def __post_init__(self) -> None:
        between(self, 0, 0.5, "auc")
        at_least(self, 0, "warmup", "steps")
        between(self, 1, self.k, "m")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "auc", "coverage", "coverage_null", after=self.warmup)
        fooled = looks["auc"] < self.auc
        ill = fooled & _quality.poor(looks)
        first = looks.lasting(ill, self.m, self.k, self.steps)
        if first is None or _quality.still_improves(looks, self.k, self.steps):
            return None
        evidence = (
            Evidence(
                name="auc",
                value=float(looks["auc"][-1]),
                healthy=(0.5, 1.0),
                note="how often a real image gets a higher output than a fake one",
            ),
            *_quality.evidence(looks),
        )
        message = (
            "The generator has won: the discriminator rates its images above real ones (a real "
            f"image wins {100 * looks['auc'][-1]:.0f} % of the pairs), although they are unlike "
            "the data, so nothing draws it towards the data."
        )
        return looks.finding(self, first, "fatal", message, evidence)

    @classmethod
    def healthy(cls) -> list[History]:
        return traps()

    @classmethod
    def unhealthy(cls) -> list[History]:
        bad = {"coverage": 0.02, "pair_ratio": 0.5, "nearest_real": 5.0, "bins_weight": 0.7}
        bad |= {"loss_d": 8.0, "loss_g": 0.001, "real_logit": -2.0, "fake_logit": 7.0}
        return [run({**bad, "auc": 0.03}), run({**bad, "auc": 0.15, "coverage": 0.05})]
