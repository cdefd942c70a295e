"""Outputs, losses or gradients run away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import above, at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._checks import WIRING, Checks
from saddlepoint.diagnosis.detectors._examples import learning, run, time, traps

SCALES = {
    "logit_gap": "mean real minus fake output, without its sign",
    "logit_spread": "spread of the discriminator's outputs",
    "grad_norm_d": "norm of the discriminator's gradient",
    "input_gradient_norm_fake": "slope of the discriminator at fakes",
    "pair_ratio": "spread of the fakes as a share of the data's",
}

FLOORS = {
    "logit_gap": 3.0,
    "logit_spread": 3.0,
    "grad_norm_d": 10.0,
    "input_gradient_norm_fake": 10.0,
    "pair_ratio": 0.5,
}
"""What an early median counts as at least: outputs that begin near 0 may well grow."""


@register("divergence")
@dataclass(frozen=True, kw_only=True)
class Divergence(Detector):
    """A quantity grows by orders of magnitude and takes the images with it.

    The decimal logarithm of each scale (outputs, gradients, slope, spread of the fakes) is
    summed up beyond its early median and one decade (a one-sided CUSUM). Outputs grow slowly in
    many a healthy run, so the fakes must be bad as well; without any measure of them the sum must
    be far greater. Fakes that stay several times as far from the data as two real images lie apart
    have left it altogether, whatever the scales did.
    Papers: Page 1954, https://doi.org/10.1093/biomet/41.1-2.100 (CUSUM); Mescheder et al. 2018,
    https://arxiv.org/abs/1801.04406, section 2.
    """

    decades: float = 1.0
    """Decades above the early median that count as growth."""
    total: float = 4.0
    """Sum of decades beyond that, over looks, at which it holds."""
    unseen: float = 5.0
    """Factor on `total` where nothing tells whether the fakes are bad."""
    warmup: float = 100
    """Rounds that are not looked at."""
    early: int = 8
    """Checks that give the median to compare with."""
    away: float = 3.0
    """Distance of the fakes to the data, in distances of two real images, at which they left it."""
    m: int = 6
    """Checks at which they must be away ..."""
    k: int = 7
    """... among this many."""
    steps: float = 200
    """Rounds for which it must have lasted."""

    explained_by: ClassVar[tuple[str, ...]] = (*WIRING, "non-finite")

    def __post_init__(self) -> None:
        above(self, 0, "decades", "total", "unseen", "away")
        at_least(self, 0, "warmup", "steps")
        at_least(self, 3, "early")
        between(self, 1, self.k, "m")

    def inspect(self, history: History) -> Finding | None:
        return self._grown(history) or self._gone(history)

    def _grown(self, history: History) -> Finding | None:
        looks = Checks(history, after=self.warmup)
        if len(looks) <= self.early:
            return None
        sums = {
            name: self._cusum(values, FLOORS[name]) for name, values in self._scales(looks).items()
        }
        sums = {name: values for name, values in sums.items() if values[-1] > 0}
        if not sums:
            return None
        worst = max(sums, key=lambda name: sums[name][-1])
        known = np.isfinite(looks["coverage"][-1])
        bad = bool(_quality.poor(looks)[-3:].all()) if known else True
        if not bad or sums[worst][-1] < self.total * (1 if known else self.unseen):
            return None
        values = self._scales(looks)[worst]
        usual = max(float(np.nanmedian(values[: self.early])), FLOORS[worst])
        first = int(np.flatnonzero(sums[worst] == 0)[-1]) + 1 if (sums[worst] == 0).any() else 0
        evidence = (
            Evidence(
                name=worst,
                value=float(values[-1]),
                healthy=(None, usual * 10**self.decades),
                note=SCALES[worst],
            ),
            *(item for item in _quality.evidence(looks) if item.name != worst),
        )
        message = (
            f"Training diverges: the {SCALES[worst]} has grown from {usual:.3g} to "
            f"{values[-1]:.3g} since step {looks.steps[first]:.0f}, and the generator's images are "
            "far from the data."
        )
        return looks.finding(self, first, "fatal", message, evidence)

    def _gone(self, history: History) -> Finding | None:
        looks = Checks(history, "off_data", after=self.warmup)
        first = looks.lasting(looks["off_data"] > self.away, self.m, self.k, self.steps)
        if first is None or _quality.still_improves(looks, self.k, self.steps):
            return None
        distance = Evidence(
            name="off_data",
            value=float(np.median(looks["off_data"][-self.k :])),
            healthy=(None, self.away),
            note="distance of the fakes to the data, in distances of two real images",
        )
        others = (item for item in _quality.evidence(looks) if item.name != "off_data")
        message = (
            "Training diverges: the generator has left the data altogether; its images lie "
            f"{distance.value:.3g} times as far from real ones as two real ones lie apart."
        )
        return looks.finding(self, first, "fatal", message, (distance, *others))

    def _scales(self, looks: Checks) -> dict[str, np.ndarray]:
        gap = np.abs(looks["real_logit"] - looks["fake_logit"])
        return {"logit_gap": gap, **{n: looks[n] for n in SCALES if n != "logit_gap"}}

    def _cusum(self, values: np.ndarray, floor: float) -> np.ndarray:
        """float64 [looks]: how far the logarithm has been too high for how long; 0 where it is
        not. A look without the value changes nothing."""
        sums = np.zeros(len(values))
        early = values[: self.early]
        early = early[np.isfinite(early) & (early > 0)]
        if len(early) < 3:
            return sums
        usual = np.log10(max(float(np.median(early)), floor))
        for index in range(1, len(values)):
            value, beyond = values[index], 0.0
            if np.isfinite(value) and value > 0:
                beyond = min(np.log10(value) - usual - self.decades, 3.0)
            sums[index] = max(0.0, sums[index - 1] + beyond)
        return sums

    @classmethod
    def healthy(cls) -> list[History]:
        spikes = np.full(40, 0.6)
        spikes[[9, 21, 33]] = 200.0
        grows = {"real_logit": 1.0 + 40.0 * time(), "fake_logit": -1.0 - 40.0 * time()}
        comes = {"off_data": learning(20.0, 0.1)}
        return [*traps(), run({"grad_norm_d": spikes}), run({**grows, "auc": 0.999}), run(comes)]

    @classmethod
    def unhealthy(cls) -> list[History]:
        late = np.maximum(0.0, time() - 0.4)
        critic = {"real_logit": 10 ** (8 * late), "fake_logit": -(10 ** (8 * late))}
        critic |= {"grad_norm_d": 0.6 * 10 ** (7 * late), "loss_d": -2 * 10 ** (8 * late)}
        ruined = {"coverage": np.where(late > 0.1, 0.0, learning(0.0, 0.7))}
        ruined |= {"nearest_real": np.where(late > 0.1, 30.0, 1.3)}
        blind = {"coverage": None, "nearest_real": None, "bins_weight": None, "pair_ratio": None}
        gone = {"off_data": 8.0 + 3.0 * np.sin(60 * time()), "coverage": 0.0, "auc": 0.6}
        return [run({**critic, **ruined}), run({**critic, **blind}), run(gone)]
