"""The discriminator has memorised the training images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import LastingDetector


@register("discriminator-overfitting")
@dataclass(frozen=True, kw_only=True)
class DiscriminatorOverfitting(LastingDetector):
    """Training images get higher outputs than images of the same kind that were held out.

    Both come from the same distribution, so the probability that a training image gets the higher
    output is one half for any discriminator, unless it remembers.
    Papers: Karras et al. 2020, https://arxiv.org/abs/2006.06676, section 2; Brock et al. 2019,
    https://arxiv.org/abs/1809.11096, section 4.2 (large GANs that do so and are still good).
    """

    auc: float = 0.68
    """How often a training image gets a higher output than a held-out one."""

    remedies = (
        "data-augmentation",
        "zero-centred-penalties",
        "dropout",
        "instance-noise",
        "fewer-layers",
    )

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "heldout_auc")
        # Nothing about the images: it may have memorised its data beside good fakes.
        first = self.since(checks, checks["heldout_auc"] > self.auc)
        if first is None:
            return None
        auc = float(np.median(checks["heldout_auc"][-self.k :]))
        message = (
            "The discriminator knows the training images by heart: it rates them above held-out "
            f"images of the same kind in {100 * auc:.0f} % of the pairs, where 50 % is chance."
        )
        evidence = checks.evidence("heldout_auc", 1 - self.auc, self.auc, value=auc)
        return checks.finding(self, first, message, evidence, severity="warn")
