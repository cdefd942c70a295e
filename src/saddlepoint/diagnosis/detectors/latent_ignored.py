"""A conditional generator with one image for each label."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import LastingDetector
from saddlepoint.diagnosis.detectors._checks import rises


@register("latent-ignored")
@dataclass(frozen=True, kw_only=True)
class LatentIgnored(LastingDetector):
    """Another latent with the same label hardly changes the image.

    The labels still give different images, so a whole batch looks varied: the collapse shows only
    within a label.
    Papers: Zhu et al. 2017, https://arxiv.org/abs/1711.11586, section 1 (noise that is ignored);
    Isola et al. 2017, https://arxiv.org/abs/1611.07004, section 3.1.
    """

    m: int = 5
    k: int = 6
    steps: float = 200
    effect: float = 0.15
    """Change by another latent, as a share of that by another real image of the label."""
    label_effect: float = 0.3
    """Change by another label, in changes by another latent, that shows that labels do matter."""

    remedies = (
        "longer-latent",
        "sound-optimizers",
        "change-loss",
        "packing",
        "zero-centred-penalties",
        "minibatch-stddev",
        "new-seed",
    )

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "latent_effect", "label_effect")
        effect = checks["latent_effect"]
        # Without variety even among labels it is a complete collapse.
        varied = ~(checks["pair_ratio"] < self.effect)
        # If labels changed nothing either, all images would be alike: a complete collapse.
        labels_matter = checks["label_effect"] > self.label_effect
        first = self.since(checks, (effect < self.effect) & labels_matter & varied)
        # As a latent that is not used yet comes into use, its effect grows.
        if first is None or rises(effect[-2 * self.k :], 0.5, self.effect / 4):
            return None
        message = (
            "The generator ignores its latent: with one label, another latent changes the image by "
            f"only {100 * effect[-1]:.2g} % of what another real image of that label would."
        )
        evidence = [checks.evidence("latent_effect", low=self.effect)]
        # Few images of a label make it noisy: shown only where it speaks for the finding.
        if checks["label_diversity"][-1] < self.effect:
            evidence.append(checks.evidence("label_diversity", low=self.effect))
        return checks.finding(self, first, message, *evidence)
