"""The two players pull in the same direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound

MOSTLY_FLAT = 0.3
"""Share of outputs without a slope from which on the others are too few to judge by."""


@register("wrong-sign")
@dataclass(frozen=True, kw_only=True)
class WrongSign(Detector):
    """A loss has the wrong sign or label, so that there is no game.

    Where the discriminator pushes its outputs is read off the slope of its loss: apart for real
    images and fakes. The generator must push the outputs of its fakes the other way than the
    discriminator does. Which of the two sides is called real does not matter: a loop with all
    labels exchanged is sound.
    Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1.
    """

    least: float = 0.5
    """How decided a push must be, from 0 (as many up as down) to 1 (all one way)."""
    looks: int = 3
    """Checks in a row that must show it."""

    explained_by: ClassVar[tuple[str, ...]] = ("non-finite",)

    def __post_init__(self) -> None:
        between(self, 0, 1, "least")
        at_least(self, 1, "looks")

    def inspect(self, history: History) -> Finding | None:
        # A check without a clear view speaks neither for the fault nor against it, so the decision
        # waits for the next clear one and not for three unbroken ones.
        clear = History([row for row in history.rows if _is_clear(row)])
        looks = Checks(clear, "logit_gradient_sign_real_d", "logit_gradient_sign_fake_d")
        real, fake = looks["logit_gradient_sign_real_d"], looks["logit_gradient_sign_fake_d"]
        together = (real * fake > 0) & (abs(real) >= self.least) & (abs(fake) >= self.least)
        first = looks.lasting(together, self.looks, self.looks)
        if first is not None:
            way = "up" if real[-1] > 0 else "down"
            message = (
                f"The discriminator's loss pushes its outputs {way} for real images and for fakes "
                "alike: one of its two terms has the wrong sign or the wrong label."
            )
            return looks.finding(
                self,
                first,
                "fatal",
                message,
                _evidence(looks, "logit_gradient_sign_fake_d", "logit_gradient_sign_real_d"),
            )
        looks = Checks(
            clear,
            "logit_gradient_sign_real_d",
            "logit_gradient_sign_fake_d",
            "logit_gradient_sign_fake_g",
        )
        apart = looks["logit_gradient_sign_real_d"] - looks["logit_gradient_sign_fake_d"]
        made = looks["logit_gradient_sign_fake_g"]
        allied = (apart * made < 0) & (abs(apart) >= self.least) & (abs(made) >= self.least)
        first = looks.lasting(allied, self.looks, self.looks)
        if first is None:
            return None
        message = (
            "The generator's loss pushes the discriminator's outputs for fakes the same way as "
            "the discriminator's own loss: it learns to be recognised. Turn the sign (or the "
            "label) of the generator's loss, or of the discriminator's."
        )
        return looks.finding(
            self,
            first,
            "fatal",
            message,
            _evidence(looks, "logit_gradient_sign_fake_g", "logit_gradient_sign_fake_d"),
        )

    @classmethod
    def healthy(cls) -> list[History]:
        noisy = {
            "logit_gradient_sign_real_d": 0.8,
            "logit_gradient_sign_fake_d": -0.7,
            "logit_gradient_sign_fake_g": 0.9,
        }
        overshot = {"logit_gradient_sign_fake_g": [1.0, -1.0, -1.0, 1.0, 1.0, 1.0]}
        hinge = {"logit_gradient_sign_real_d": [1.0, 1.0, None, None, 1.0, 1.0]}
        return [*sound(), early(noisy), early(overshot), early(hinge)]

    @classmethod
    def unhealthy(cls) -> list[History]:
        return [
            early({"logit_gradient_sign_fake_g": -1.0}),
            early(
                {
                    "logit_gradient_sign_real_d": -1.0,
                    "logit_gradient_sign_fake_d": 1.0,
                    "logit_gradient_sign_fake_g": 1.0,
                }
            ),
            early({"logit_gradient_sign_real_d": -1.0, "logit_gradient_sign_fake_d": -1.0}),
            early(
                {
                    "logit_gradient_sign_fake_g": -1.0,
                    "flat_share": [0.0, 0.0, 0.0, 0.9, 0.9, 0.9],
                }
            ),
        ]


def _is_clear(row: Mapping[str, Any]) -> bool:
    """Most outputs have a slope: of a flat loss the few others tell nothing."""
    return (row.get("flat_share") or 0.0) <= MOSTLY_FLAT


def _evidence(looks: Checks, judged: str, against: str) -> tuple[Evidence, ...]:
    """The pushes; the one that is `judged` should go the other way than `against`."""
    found = []
    for name, note in _NOTES.items():
        value = float(looks[name][-1])
        if value != value:  # absent: the loss has no slope
            continue
        opposite = (0.0, 1.0) if looks[against][-1] < 0 else (-1.0, 0.0)
        healthy = opposite if name == judged else (-1.0, 1.0)
        found.append(Evidence(name=name, value=value, healthy=healthy, note=note))
    return tuple(found)


_NOTES = {
    "logit_gradient_sign_real_d": "where the discriminator's loss pushes the outputs "
    "of real images",
    "logit_gradient_sign_fake_d": "where it pushes those of fakes: the other way",
    "logit_gradient_sign_fake_g": "where the generator's loss pushes those of fakes: back again",
}
