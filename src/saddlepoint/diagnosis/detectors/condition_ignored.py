"""The label is asked for and not drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._base import BROKEN, LastingDetector
from saddlepoint.diagnosis.detectors._checks import rises


@register("condition-ignored")
@dataclass(frozen=True, kw_only=True)
class ConditionIgnored(LastingDetector):
    """Another label changes nothing about what the image shows, while another latent does.

    A generator drops a label that its discriminator does not check. There are three signs. The
    same latent under another label gives nearly the same image. Or it gives a somewhat different
    one, but the images of one label are several times as varied as the real ones of a label (of
    tight classes). Or the images do lie on the data, but show the label that was asked for hardly
    more often than chance: a label that enters every layer may change images at random.
    Papers: Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784; Miyato & Koyama 2018,
    https://arxiv.org/abs/1802.05637, section 1 (labels that are concatenated and forgotten).
    """

    warmup: float = 300
    m: int = 7
    k: int = 8
    steps: float = 280
    effect: float = 0.2
    """Largest change by another label, in changes by another latent."""
    varied_effect: float = 0.4
    """The same, where the images of one label are `varied`."""
    varied: float = 3.0
    """Spread of the images of one label, in that of real ones, from which on they are varied."""
    agreement: float = 0.2
    """Largest agreement of images with their labels, in that of real images."""
    latent_effect: float = 0.2
    """Change by another latent, in those of real images, above which the generator is not simply
    collapsed."""

    explained_by = (*BROKEN, "complete-mode-collapse", "discriminator-wins")
    remedies = ("stronger-conditioning", "new-seed")

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "label_effect", "latent_effect")
        effect, agreement = checks["label_effect"], checks["label_agreement"]
        # Within tight classes any label changes the image somewhat, so more is asked for there.
        varied = checks["label_diversity"] > self.varied
        least = np.where(varied, self.varied_effect, self.effect)
        # Its bound was written down before any history had this column, and was not moved since
        # (docs/benchmarks.md, "Not blind"). Off the data the nearest real image has no say.
        disagrees = (agreement < self.agreement) & ~_quality.off_the_data(checks)
        # Where another latent changes nothing either, it is a collapse.
        alive = checks["latent_effect"] > self.latent_effect
        first = self.since(checks, ((effect < least) | disagrees) & alive)
        recent = slice(-2 * self.k, None)
        # A label whose effect still grows is being learned.
        if first is None or rises(effect[recent], 0.3, self.effect / 4):
            return None
        small_effect = effect[-1] < least[-1]
        if not small_effect and rises(agreement[recent], 0.3, self.agreement / 4):
            return None
        message = "The generator ignores its labels: " + (
            f"another label changes an image by only {100 * effect[-1]:.2g} % of what another "
            "latent does."
            if small_effect
            else "its images show the label that was asked for hardly more often than chance "
            f"({100 * max(0.0, agreement[-1]):.2g} % of the agreement of real images)."
        )
        evidence = checks.known(
            checks.evidence("label_effect", low=float(least[-1])),
            checks.evidence("latent_effect", low=self.latent_effect),
            checks.evidence("label_agreement", low=self.agreement),
        )
        return checks.finding(self, first, message, *evidence)
