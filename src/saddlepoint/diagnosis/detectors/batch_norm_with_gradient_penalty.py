"""BatchNorm in a critic whose gradient is penalised sample by sample."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.checks import at_least
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("batch-norm-with-gradient-penalty")
@dataclass(frozen=True, kw_only=True)
class BatchNormWithGradientPenalty(Detector):
    """The critic's output for one image depends on the others, but its gradient is taken per image.

    The penalty holds the gradient of each sample's output with respect to that sample. With
    BatchNorm the sum of outputs that is differentiated mixes the samples, and the number penalised
    is no sample's gradient. Some such loops train all the same: a warning.
    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, section 4, "No critic batch
    normalization".
    """

    looks: int = 2
    """Checks in a row that must show it."""

    def __post_init__(self) -> None:
        at_least(self, 1, "looks")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "penalised", "batch_norm_d")
        frozen = looks["eval_mode_d"] > 0.5
        ill = (looks["penalised"] == 1) & (looks["batch_norm_d"] > 0) & ~frozen
        first = looks.lasting(ill, self.looks, self.looks)
        if first is None:
            return None
        layers = float(looks["batch_norm_d"][-1])
        evidence = [
            Evidence(
                name="batch_norm_d",
                value=layers,
                healthy=(0.0, 0.0),
                note="BatchNorm layers in a critic whose gradient is penalised",
            )
        ]
        effect = float(looks["batch_effect"][-1])
        if effect == effect:  # measured
            note = "change of an image's output when its batch changes / spread of the outputs"
            evidence.append(
                Evidence(name="batch_effect", value=effect, healthy=(0.0, 1e-3), note=note)
            )
        message = (
            f"The critic has {layers:.0f} BatchNorm layers and a penalty on its gradient: its "
            "output for an image depends on the whole batch, so the penalised gradient is no "
            "image's own. Use LayerNorm, InstanceNorm or no normalisation in the critic."
        )
        return looks.finding(self, first, "warn", message, tuple(evidence))

    @classmethod
    def healthy(cls) -> list[History]:
        return [*sound(), early({"penalised": 1.0, "batch_norm_d": 0.0, "batch_effect": 0.0})]

    @classmethod
    def unhealthy(cls) -> list[History]:
        graph = {"penalty_graph": 1.0, "penalty_cosine": 1.0}
        return [early({"penalised": 1.0, **graph}), early({"penalised": 1.0, "batch_effect": None})]
