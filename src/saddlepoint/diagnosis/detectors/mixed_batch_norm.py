"""Real and generated images in one batch through BatchNorm."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.checks import at_least
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("mixed-batch-norm")
@dataclass(frozen=True, kw_only=True)
class MixedBatchNorm(Detector):
    """One call of a discriminator with BatchNorm holds real images and fakes.

    The layer's statistics then are those of the mixture, and each image is judged by how it lies
    beside the other kind. In the generator's step the batch is all fake, the statistics are
    others, and what the generator learns does not hold in the discriminator's step: both losses
    may fall to 0 within some thirty steps while the images stay noise.
    Reference: https://github.com/soumith/ganhacks, tip 4
    """

    looks: int = 2
    """Checks in a row that must show it."""

    def __post_init__(self) -> None:
        at_least(self, 1, "looks")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "mixed_batch", "batch_norm_d")
        frozen = looks["eval_mode_d"] > 0.5  # statistics that stand still are not mixed
        ill = (looks["mixed_batch"] == 1) & (looks["batch_norm_d"] > 0) & ~frozen
        first = looks.lasting(ill, self.looks, self.looks)
        if first is None:
            return None
        layers = float(looks["batch_norm_d"][-1])
        evidence = (
            Evidence(
                name="mixed_batch",
                value=1.0,
                healthy=(0.0, 0.0),
                note="1 when one call of the discriminator had real and fake images",
            ),
            Evidence(
                name="batch_norm_d",
                value=layers,
                healthy=(0.0, 0.0),
                note="BatchNorm layers in the discriminator, where batches are mixed",
            ),
        )
        message = (
            f"Real and generated images go through the discriminator's {layers:.0f} BatchNorm "
            "layers in one batch, so their statistics give the fakes away. Call the discriminator "
            "once with real images and once with fakes."
        )
        return looks.finding(self, first, "fatal", message, evidence)

    @classmethod
    def healthy(cls) -> list[History]:
        return [*sound(), early({"mixed_batch": 1.0, "batch_norm_d": 0.0})]

    @classmethod
    def unhealthy(cls) -> list[History]:
        return [early({"mixed_batch": 1.0})]
