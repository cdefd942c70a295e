"""Real and generated images in one batch through BatchNorm."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector


@register("mixed-batch-norm")
@dataclass(frozen=True, kw_only=True)
class MixedBatchNorm(WiringDetector):
    """One call of a discriminator with BatchNorm holds real images and fakes.

    The layer's statistics are then those of the mixture, and each image is judged by how it differs
    from the other kind. In the generator's step the batch is all fake and the statistics are
    others, so what the generator learns does not hold in the discriminator's step: both losses may
    fall to 0 within some thirty steps while the images stay noise.
    Reference: https://github.com/soumith/ganhacks, tip 4
    """

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "mixed_batch", "batch_norm_d")
        # Statistics that stand still do not mix the two kinds.
        frozen = checks["eval_mode_d"] > 0.5
        # Without BatchNorm, one call with both is only a matter of taste.
        unhealthy = (checks["mixed_batch"] == 1) & (checks["batch_norm_d"] > 0) & ~frozen
        first = self.since(checks, unhealthy)
        if first is None:
            return None
        message = (
            "Real and generated images go through the discriminator's "
            f"{checks['batch_norm_d'][-1]:.0f} BatchNorm layers in one batch, so the batch's "
            "statistics give the fakes away. Call the discriminator once with real images and "
            "once with fakes."
        )
        evidence = [checks.evidence(name, 0.0, 0.0) for name in ("mixed_batch", "batch_norm_d")]
        return checks.finding(self, first, message, *evidence)
