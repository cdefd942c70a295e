"""The net that makes the samples is not the net that is trained."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.checks import above, at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("train-eval-mismatch")
@dataclass(frozen=True, kw_only=True)
class TrainEvalMismatch(Detector):
    """BatchNorm does one thing in training and another when samples are made.

    A net left in evaluation mode after a sample was drawn trains on statistics that stand still; an
    average of the weights without the buffers, or running statistics that are never updated, make
    bad samples from a good generator. A gap between the two modes in the first steps is healthy:
    running statistics lag behind, and it does not count.
    Paper: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167, section 3.1.
    """

    share: float = 0.5
    """Share of the calls in evaluation mode, or of the layers that stand still."""
    looks: int = 3
    """Checks in a row that must show it."""
    gap: float = 1.0
    """Distance of samples of both modes, in units of the distance of two samples."""
    settled: float = 500
    """Steps after which running statistics have caught up."""

    def __post_init__(self) -> None:
        between(self, 0, 1, "share")
        above(self, 0, "gap")
        at_least(self, 1, "looks", "settled")

    def inspect(self, history: History) -> Finding | None:
        for name, note, message in _FACTS:
            looks = Checks(history, name, after=2)
            first = looks.lasting(looks[name] > self.share, self.looks, self.looks)
            if first is not None:
                value = float(looks[name][-1])
                evidence = Evidence(name=name, value=value, healthy=(0.0, 0.0), note=note)
                return looks.finding(self, first, "warn", message, (evidence,))
        return self._gap(history)

    def _gap(self, history: History) -> Finding | None:
        looks = Checks(history, "eval_gap", after=self.settled)
        # An average lags behind by design; how far is nobody's fault.
        ill = (looks["eval_gap"] > self.gap) & ~(looks["averaged"] == 1)
        first = looks.lasting(ill, 2 * self.looks, 2 * self.looks)
        if first is None:
            return None
        evidence = Evidence(
            name="eval_gap",
            value=float(looks["eval_gap"][-1]),
            healthy=(0.0, self.gap),
            note="distance of both modes' samples of one latent / distance of two samples",
        )
        message = (
            "The generator makes other images in evaluation mode than in training mode: its "
            "running statistics do not fit its weights. Look at BatchNorm's momentum and at batches"
            " of another kind that pass in training mode."
        )
        return looks.finding(self, first, "warn", message, (evidence,))

    @classmethod
    def healthy(cls) -> list[History]:
        start = {"eval_gap": [4.0, 3.0, 2.0, 1.5, 1.2, 1.0]}
        averaged = {"eval_gap": 3.0, "averaged": 1.0}
        return [*sound(), early(start), early(averaged)]

    @classmethod
    def unhealthy(cls) -> list[History]:
        long = early({"eval_gap": 2.0})
        late = [{**row, "step": row["step"] + 1000} for row in long.rows]
        return [
            early({"eval_mode_g": [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]}),
            early({"eval_mode_d": 1.0}),
            early({"stale_statistics": 1.0}),
            History(late),
        ]


_FACTS = (
    (
        "eval_mode_g",
        "share of the generator's training calls with BatchNorm in evaluation mode",
        "The generator trains in evaluation mode: its BatchNorm layers use statistics that no "
        "longer change. Call generator.train() after samples were drawn.",
    ),
    (
        "eval_mode_d",
        "share of the discriminator's training calls with BatchNorm in evaluation mode",
        "The discriminator trains in evaluation mode: its BatchNorm layers use statistics that no "
        "longer change. Call discriminator.train() before the training goes on.",
    ),
    (
        "stale_statistics",
        "share of BatchNorm layers whose running statistics stand still while weights move",
        "The net that samples come from keeps old BatchNorm statistics while its weights move: "
        "copy the buffers with the averaged weights, and let momentum be above 0.",
    ),
)
