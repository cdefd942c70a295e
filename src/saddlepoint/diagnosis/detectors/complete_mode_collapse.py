"""One image for every latent."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import BROKEN, LastingDetector
from saddlepoint.diagnosis.detectors._checks import rises


@register("complete-mode-collapse")
@dataclass(frozen=True, kw_only=True)
class CompleteModeCollapse(LastingDetector):
    """The generator makes (nearly) the same image whatever its latent.

    Two fakes are then much nearer to each other than two real images, by their median distance
    and by the order-2 Vendi score, which counts how many different images there are. An untrained
    generator is narrow too, so the state must last and the spread must not be growing.
    Papers: Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.2; Jalali et al. 2023,
    https://arxiv.org/abs/2306.03646 (the score of order 2).
    """

    m: int = 5
    k: int = 6
    steps: float = 200
    spread: float = 0.1
    """Median distance of two fakes, as a share of that of two real images, below which it holds."""
    variety: float = 0.08
    """Number of different images, as a share of that among as many real ones, below which it holds
    as well, where the spread is below four times its bound."""

    explained_by = (*BROKEN, "latent-ignored")
    remedies = (
        "longer-latent",
        "sound-optimizers",
        "strengthen-loser",
        "change-loss",
        "zero-centred-penalties",
        "packing",
        "minibatch-stddev",
        "instance-noise",
        "rebalance-learning-rates",
        "update-ratio",
        "new-seed",
    )

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "pair_ratio")
        spread = checks["pair_ratio"]
        # The score alone is noisy: few kinds of images must lie close together as well.
        few_kinds = (checks["rke_ratio"] < self.variety) & (spread < 4 * self.spread)
        first = self.since(checks, (spread < self.spread) | few_kinds)
        # An untrained generator is narrow too, but its spread grows.
        if first is None or rises(spread[-2 * self.k :], 0.5, self.spread / 4):
            return None
        message = (
            "The generator makes nearly the same image for every latent: two fakes are only "
            f"{100 * spread[-1]:.2g} % as far apart as two real images."
        )
        evidence = checks.known(
            checks.evidence("pair_ratio", low=self.spread),
            checks.evidence("rke_ratio", low=self.variety),
            checks.evidence("duplicates"),
        )
        return checks.finding(self, first, message, *evidence)
