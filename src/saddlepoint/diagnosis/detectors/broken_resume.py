"""A training that goes on with a part of its state forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("broken-resume")
@dataclass(frozen=True, kw_only=True)
class BrokenResume(Detector):
    """Some of nets and optimisers remember an earlier training, and others are new.

    Adam counts its steps and BatchNorm its batches, so what was loaded and what was not is seen
    before the first step. New optimisers take steps of full size at weights that were settled; a
    new discriminator gives a settled generator noise for a teacher. Where neither counts (no
    BatchNorm, plain SGD) nothing is known. Fine-tuning with new optimisers looks the same: a
    warning.
    Reference:
    https://docs.pytorch.org/tutorials/recipes/recipes/saving_and_loading_a_general_checkpoint.html
    """

    old: float = 20
    """Steps that must be remembered by something, to speak of an earlier training."""
    share: float = 0.01
    """Share of them that the youngest part remembers at most."""

    def __post_init__(self) -> None:
        at_least(self, 1, "old")
        between(self, 0, 1, "share")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "net_age", "optimizer_age")
        ill = (looks["net_age"] >= self.old) & (looks["optimizer_age"] <= self.share)
        first = looks.lasting(ill, 1, 1)
        if first is None:
            return None
        age, share = float(looks["net_age"][-1]), float(looks["optimizer_age"][-1])
        evidence = (
            Evidence(
                name="net_age",
                value=age,
                healthy=(None, None),
                note="steps that nets or optimisers remember from before",
            ),
            Evidence(
                name="optimizer_age",
                value=share,
                healthy=(self.share, 1.0),
                note="what the youngest of them remembers, as a share",
            ),
        )
        message = (
            f"A part of this training remembers {age:.0f} steps, another part none: it goes on "
            "from an earlier run with something forgotten. Load both nets and both optimisers "
            "(and the average, if there is one). If new optimisers are meant, ignore this."
        )
        return looks.finding(self, first, "warn", message, evidence)

    @classmethod
    def healthy(cls) -> list[History]:
        resumed = {"net_age": [5000.0] + [None] * 5, "optimizer_age": [0.33] + [None] * 5}
        warmed_up = {"net_age": [3.0] + [None] * 5, "optimizer_age": [0.0] + [None] * 5}
        return [*sound(), early(resumed), early(warmed_up)]

    @classmethod
    def unhealthy(cls) -> list[History]:
        return [early({"net_age": [900.0] + [None] * 5, "optimizer_age": [0.0] + [None] * 5})]
