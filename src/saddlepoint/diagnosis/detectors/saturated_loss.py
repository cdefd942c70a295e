"""The generator's loss is flat where its images are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("saturated-loss")
@dataclass(frozen=True, kw_only=True)
class SaturatedLoss(Detector):
    """The loss gives the generator no gradient for images that the discriminator rejects.

    A cross-entropy after a sigmoid is clamped (at 100 in torch) where the sigmoid is nearly 0, and
    sends back nothing. The minimax loss log(1 - D) and least squares after a sigmoid are flat long
    before that. The non-saturating loss on raw outputs never is.
    Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 3.
    """

    share: float = 0.75
    """Share of the generated images without a slope."""
    m: int = 3
    """Checks that must show it ..."""
    k: int = 4
    """... among this many."""

    explained_by: ClassVar[tuple[str, ...]] = (
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

    def __post_init__(self) -> None:
        between(self, 0, 1, "share")
        at_least(self, 1, "m")
        at_least(self, self.m, "k")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "flat_share")
        first = looks.lasting(looks["flat_share"] >= self.share, self.m, self.k)
        if first is None:
            return None
        evidence = (
            Evidence(
                name="flat_share",
                value=float(looks["flat_share"][-1]),
                healthy=(0.0, self.share),
                note="share of fakes whose output the generator's loss cannot move",
            ),
        )
        message = (
            f"The generator's loss is flat for {100 * evidence[0].value:.0f} % of its images: the "
            "discriminator rejects them so surely that its sigmoid is 0 and no gradient comes "
            "back. Use the non-saturating loss on raw outputs (binary cross-entropy with logits)."
        )
        return looks.finding(self, first, "fatal", message, evidence)

    @classmethod
    def healthy(cls) -> list[History]:
        briefly = {"flat_share": [0.0, 1.0, 1.0, 0.4, 0.0, 0.0]}
        return [*sound(), early(briefly), early({"flat_share": 0.6})]

    @classmethod
    def unhealthy(cls) -> list[History]:
        return [
            early({"flat_share": [0.0, 0.2, 0.9, 1.0, 1.0, 1.0], "sigmoid_end": 1.0}),
            early({"flat_share": 1.0, "sigmoid_end": 1.0, "update_ratio_g": 0.0}),
        ]
