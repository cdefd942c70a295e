"""The critic is not as steep as the Wasserstein distance asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import above, at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._checks import (
    WIRING,
    Checks,
    ever,
    gains,
    loss_family,
)
from saddlepoint.diagnosis.detectors._examples import learning, run, time, traps

UNCLIPPED = 0.01
"""Share of the weights at the greatest absolute weight that only a clipped critic exceeds."""


@register("lipschitz-violation")
@dataclass(frozen=True, kw_only=True)
class LipschitzViolation(Detector):
    """The critic of a Wasserstein loss breaks its constraint, or has no slope left under it.

    With the gradient penalty the slope between real and fake images is about 1 (a fifth off is
    usual); a slope that stays far from that is no Wasserstein distance any more, and is fatal
    where the images are bad too. So is one that grows without bound where nothing holds it: it is
    reported from the penalised critic's greatest slope on while it rises, and at once when it is
    far above. With clipped weights the scale is free, but a critic whose weights nearly all lie at
    the clip can only be a simple function: it is reported where the images are bad and stay so.
    Other losses put no such bound on the slope.
    Papers: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, sections 3 and 4; Arjovsky et
    al. 2017, https://arxiv.org/abs/1701.07875, section 3.
    """

    low: float = 0.3
    """Least slope of a penalised critic."""
    high: float = 2.0
    """Greatest slope of a penalised critic."""
    unbounded: float = 50.0
    """Greatest slope of a critic without a penalty or clipping; 20 times that where weights may be
    clipped, which leaves the scale free."""
    rise: float = 0.2
    """Share by which the slope of a critic without either must have risen, where it is less."""
    clipped: float = 0.15
    """Share of the weights at the clip, at any look, above which a critic counts as clipped hard.
    Later, what is at the clip may well be less: the weights that are left are then near 0."""
    blind: float = 0.15
    """Distance of the AUC from one half up to which a critic sees nothing."""
    warmup: float = 200
    """Rounds that are not looked at."""
    m: int = 6
    """Checks that must be ill ..."""
    k: int = 7
    """... among this many."""
    steps: float = 250
    """Rounds for which it must have lasted."""

    explained_by: ClassVar[tuple[str, ...]] = (*WIRING, "non-finite", "divergence")

    def __post_init__(self) -> None:
        above(self, 0, "low")
        above(self, self.low, "high")
        between(self, 0, 1, "clipped")
        at_least(self, 0, "warmup", "steps")
        between(self, 1, self.k, "m")

    def inspect(self, history: History) -> Finding | None:
        if loss_family(history) != "wasserstein":
            return None
        if ever(history, "penalised"):
            return self._sloped(history, self.low, self.high)
        shares = Checks(history, "clip_share")["clip_share"]
        never_clipped = len(shares) > 0 and float(shares.max()) < UNCLIPPED
        bound = self.unbounded if never_clipped else 20 * self.unbounded
        return (
            self._sloped(history, 0.0, bound)
            or (self._rises(history) if never_clipped else None)
            or self._clipped(history)
        )

    def _rises(self, history: History) -> Finding | None:
        """As `_sloped` with the bound of a penalised critic, while the slope goes on rising."""
        looks = Checks(history, "input_gradient_norm", after=self.warmup)
        since = looks.window(self.k, self.steps)
        if since is None or not gains(looks["input_gradient_norm"], since, self.rise):
            return None
        return self._sloped(history, 0.0, self.high)

    def _sloped(self, history: History, low: float, high: float) -> Finding | None:
        looks = Checks(history, "input_gradient_norm", after=self.warmup)
        slope = looks["input_gradient_norm"]
        # A flat critic beside good fakes has nothing left to tell.
        off = (slope > high) | ((slope < low) & _quality.poor(looks))
        first = looks.lasting(off, self.m, self.k, self.steps)
        if first is None:
            return None
        bad = bool(_quality.poor(looks)[-self.k :].mean() > 0.5)
        evidence = Evidence(
            name="input_gradient_norm",
            value=float(np.median(slope[-self.k :])),
            healthy=(low, high),
            note="mean slope of the critic between real and fake images; the loss asks for 1",
        )
        how = "steeper" if slope[-1] > 1 else "flatter"
        message = (
            f"The critic is much {how} than the Wasserstein loss allows: its slope is "
            f"{evidence.value:.2g} in place of 1, so its output is no distance and the generator "
            "is led by a wrong scale."
        )
        more = _quality.evidence(looks) if bad else ()
        severity = "fatal" if bad else "warn"
        return looks.finding(self, first, severity, message, (evidence, *more))

    def _clipped(self, history: History) -> Finding | None:
        looks = Checks(history, "clip_share", "coverage", "coverage_null", "auc")
        was_clipped = np.maximum.accumulate(looks["clip_share"]) > self.clipped
        blind = np.abs(looks["auc"] - 0.5) < self.blind
        stuck = was_clipped & (blind | (looks["clip_share"] > self.clipped))
        ill = stuck & _quality.poor(looks, 0.15) & (looks.rounds >= self.warmup)
        first = looks.lasting(ill, self.m, self.k, self.steps)
        if first is None or _quality.still_improves(looks, self.k, self.steps):
            return None
        evidence = (
            Evidence(
                name="clip_share",
                value=float(looks["clip_share"].max()),
                healthy=(None, self.clipped),
                note="share of the critic's weights at the clip, at most",
            ),
            *_quality.evidence(looks),
        )
        message = (
            f"Clipping leaves the critic no capacity: up to {100 * evidence[0].value:.0f} % of its "
            "weights lay at the clip, and the generator's images stay far from the data."
        )
        return looks.finding(self, first, "fatal", message, evidence)

    @classmethod
    def healthy(cls) -> list[History]:
        critic = {"loss_family": "wasserstein"}
        clipped = {**critic, "clip_share": learning(0.1, 0.8), "auc": 0.9}
        starts_steep = {**critic, "input_gradient_norm": learning(4.0, 1.2), "penalised": 1}
        other_loss = {"input_gradient_norm": 12.0, "penalised": 1}
        flat = {**critic, "input_gradient_norm": 0.1, "penalised": 1, "auc": 0.5}
        # Held by what cannot be seen from here, such as a spectral norm.
        held = {**critic, "input_gradient_norm": learning(0.3, 1.7)}
        cases = (flat, clipped, starts_steep, other_loss, held)
        return [*traps(), *(run(case) for case in cases)]

    @classmethod
    def unhealthy(cls) -> list[History]:
        critic = {"loss_family": "wasserstein"}
        bad = {"coverage": 0.0, "nearest_real": 6.0, "bins_weight": 0.6, "auc": 0.9}
        bad |= {"pair_ratio": 0.6}
        return [
            run({**critic, "input_gradient_norm": learning(1.0, 9.0), "penalised": 1}),
            run({**critic, **bad, "input_gradient_norm": 0.1, "penalised": 1}),
            run({**critic, "input_gradient_norm": 10 ** (6 * time())}),
            run({**critic, "input_gradient_norm": 0.1 * 50.0 ** time()}),
            run({**critic, **bad, "clip_share": 0.93}),
            run({**critic, **bad, "clip_share": learning(0.9, 0.03, 30.0), "auc": 0.52}),
        ]
