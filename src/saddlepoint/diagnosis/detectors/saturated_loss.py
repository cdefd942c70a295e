"""The generator's loss is flat where its images are."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector


@register("saturated-loss")
@dataclass(frozen=True, kw_only=True)
class SaturatedLoss(WiringDetector):
    """The loss gives the generator no gradient for images that the discriminator rejects.

    Cross-entropy after a sigmoid is clamped (at 100 in torch) where the sigmoid is nearly 0, and
    sends back nothing. The minimax loss log(1 - D) and least squares after a sigmoid are flat long
    before that. The non-saturating loss on logits never is.
    Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 3.
    """

    # Three of four: a strong discriminator may flatten the loss for a check or two and recover.
    m: int = 3
    k: int = 4
    share: float = 0.75
    """Share of the generated images without a slope."""

    remedies = ("change-loss", "sound-optimizers", "repair-wiring")
    explained_by = (
        "learning-rate-too-high",
        "range-mismatch",
        "real-fake-leak",
        "mixed-batch-norm",
        "generator-frozen",
        "optimizer-mixup",
        "wrong-sign",
        "broken-resume",
        "train-eval-mismatch",
    )

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "flat_share")
        flat = checks["flat_share"]
        first = self.since(checks, flat >= self.share)
        if first is None:
            return None
        message = (
            f"The generator's loss is flat for {100 * flat[-1]:.0f} % of its images: the "
            "discriminator is so sure about them that no gradient comes back. Use the "
            "non-saturating loss on logits (binary cross-entropy with logits)."
        )
        return checks.finding(self, first, message, checks.evidence("flat_share", 0.0, self.share))
