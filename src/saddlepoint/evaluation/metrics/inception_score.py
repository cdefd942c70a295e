"""Inception Score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison, Measured, Metric
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import interval_of


@register("inception-score")
@dataclass(frozen=True, kw_only=True)
class InceptionScore(Metric):
    """exp of the mean KL divergence of p(y|x) from p(y): confident per image, varied over all.

    inception_score: over all images at once. inception_score_splits: the mean over 10 parts in
    the order of the images, which is what papers report. Extractors other than Inception have
    other classes, so their numbers cannot be compared with published ones.
    Papers: Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 4; Barratt & Sharma
    2018, https://arxiv.org/abs/1801.01973, on what it does not measure.
    """

    splits: int = 10
    """Parts of inception_score_splits."""

    def unfit(self, comparison: Comparison) -> str:
        return "" if comparison.fake.logits is not None else "the features have no classes"

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        assert comparison.fake.logits is not None
        log_p = comparison.fake.logits.double().log_softmax(1)
        p, negative_entropy = log_p.exp(), (log_p.exp() * log_p).sum(1)
        n = len(p)

        def score(shares: Tensor) -> float:
            # KL of p(y|x) from p(y), averaged = H(p(y)) - mean of H(p(y|x))
            marginal = shares.double() @ p
            # log_softmax is never -inf, so only the marginal can underflow.
            of_marginal = (marginal * marginal.clamp_min(1e-300).log()).sum()
            return (shares.double() @ negative_entropy - of_marginal).exp().item()

        value = score(torch.full((n,), 1 / n, dtype=torch.float64))
        interval = interval_of(
            value, lambda _, shares: score(shares), comparison, "inception-score"
        )
        found = {"inception_score": Measured(value=value, interval=interval, better="higher")}
        if n >= self.splits:
            # Part i, in the order of the images, is that of row i.
            part = torch.arange(n) * self.splits // n == torch.arange(self.splits)[:, None]
            scores = [score(rows / rows.sum()) for rows in part.double()]
            values = torch.tensor(scores, dtype=torch.float64)
            mean, spread = values.mean().item(), values.std(correction=0).item()
            note = f"{self.splits} splits; standard deviation {spread:.4f}, not an interval"
            found["inception_score_splits"] = Measured(value=mean, note=note, better="higher")
        return found
