"""One image for every latent."""

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


@register("complete-mode-collapse")
@dataclass(frozen=True, kw_only=True)
class CompleteModeCollapse(Detector):
    """The generator makes (nearly) the same image whatever its latent.

    Two fakes are then much nearer to each other than two real images, by their median distance
    and by the order-2 Vendi score, which counts how many different images there are. An untrained
    generator is narrow too, so the state must last and the spread must not be growing.
    Papers: Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.2; Jalali et al. 2023,
    https://arxiv.org/abs/2306.03646 (the score of order 2).
    """

    spread: float = 0.1
    """Median distance of two fakes, as a share of that of two real images, below which it holds."""
    variety: float = 0.08
    """Number of different images, as a share of that among as many real ones, below which it holds
    too where the spread is below four times its bound."""
    warmup: float = 200
    """Rounds that are not looked at."""
    m: int = 5
    """Checks that must be ill ..."""
    k: int = 6
    """... among this many."""
    steps: float = 200
    """Rounds for which it must have lasted."""

    explained_by: ClassVar[tuple[str, ...]] = (
        *WIRING,
        "non-finite",
        "divergence",
        "latent-ignored",
    )

    def __post_init__(self) -> None:
        above(self, 0, "spread")
        at_least(self, 0, "warmup", "steps")
        between(self, 1, self.k, "m")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "pair_ratio", after=self.warmup)
        spread = looks["pair_ratio"]
        with np.errstate(invalid="ignore"):  # where there is no score it says nothing
            ill = (spread < self.spread) | (
                (looks["rke_ratio"] < self.variety) & (spread < 4 * self.spread)
            )
        first = looks.lasting(ill, self.m, self.k, self.steps)
        if first is None or gains(spread, max(0, len(spread) - 2 * self.k), 0.5, self.spread / 4):
            return None
        evidence = [
            Evidence(
                name="pair_ratio",
                value=float(spread[-1]),
                healthy=(self.spread, None),
                note="median distance of two fakes as a share of that of two real images",
            )
        ]
        for name, least, note in (
            ("rke_ratio", self.variety, "how many different images, as a share of the data's"),
            ("duplicates", None, "share of fakes with a twin"),
        ):
            value = float(looks[name][-1])
            if np.isfinite(value):
                evidence.append(Evidence(name=name, value=value, healthy=(least, None), note=note))
        message = (
            f"The generator makes nearly the same image for every latent: two fakes are "
            f"{100 * spread[-1]:.2g} % as far apart as two real images, since step "
            f"{looks.steps[first]:.0f}."
        )
        return looks.finding(self, first, "fatal", message, tuple(evidence))

    @classmethod
    def healthy(cls) -> list[History]:
        return traps()

    @classmethod
    def unhealthy(cls) -> list[History]:
        falls = learning(0.9, 0.02, 8.0)
        one_bin = [[250, 6, *[0] * 18]] * 40
        shared = {"coverage": 0.9 * falls, "bins": one_bin, "bins_weight": 0.93}
        shared |= {"bins_missing": 0.93, "drift": 0.01, "duplicates": 0.9}
        return [
            run({**shared, "pair_ratio": falls, "rke_ratio": falls}),
            run({**shared, "pair_ratio": 0.01, "rke_ratio": 0.05, "auc": 0.7}),
        ]
