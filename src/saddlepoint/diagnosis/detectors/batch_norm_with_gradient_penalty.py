"""BatchNorm in a critic whose gradient is penalised sample by sample."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector


@register("batch-norm-with-gradient-penalty")
@dataclass(frozen=True, kw_only=True)
class BatchNormWithGradientPenalty(WiringDetector):
    """The critic's output for one image depends on the others, but its gradient is taken per image.

    The penalty needs the gradient of each sample's output with respect to that sample. With
    BatchNorm, the sum of outputs that is differentiated mixes the samples, and the penalised number
    is no sample's gradient. Some such loops train all the same, so this is a warning.
    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, section 4, "No critic batch
    normalization".
    """

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "penalised", "batch_norm_d")
        # Statistics that stand still do not mix the samples.
        frozen = checks["eval_mode_d"] > 0.5
        unhealthy = (checks["penalised"] == 1) & (checks["batch_norm_d"] > 0) & ~frozen
        first = self.since(checks, unhealthy)
        if first is None:
            return None
        message = (
            f"The critic has {checks['batch_norm_d'][-1]:.0f} BatchNorm layers and a penalty on "
            "its gradient: its output for an image depends on the whole batch, so the penalised "
            "gradient is not an image's own. Use LayerNorm, InstanceNorm or no normalisation in "
            "the critic."
        )
        evidence = checks.known(
            checks.evidence("batch_norm_d", 0.0, 0.0), checks.evidence("batch_effect", 0.0, 1e-3)
        )
        return checks.finding(self, first, message, *evidence, severity="warn")
