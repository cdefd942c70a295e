"""The two players pull in the same direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Evidence, Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector
from saddlepoint.diagnosis.detectors._checks import Checks

MOSTLY_FLAT = 0.3
"""Share of outputs without a slope from which on the others are too few to judge by."""
REAL_D = "logit_gradient_sign_real_d"
FAKE_D = "logit_gradient_sign_fake_d"
FAKE_G = "logit_gradient_sign_fake_g"


@register("wrong-sign")
@dataclass(frozen=True, kw_only=True)
class WrongSign(WiringDetector):
    """A loss has the wrong sign or label, so that there is no game.

    The slope of the discriminator's loss tells where it pushes its outputs: apart, for real images
    and fakes. The generator must push the outputs of its fakes the other way than the discriminator
    does. Which of the two sides is called real does not matter: a loop with all labels exchanged
    is correct.
    Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1.
    """

    m: int = 3
    k: int = 3
    least: float = 0.5
    """How clear a push must be, from 0 (as many up as down) to 1 (all one way)."""

    explained_by = ("non-finite",)

    def inspect(self, history: History) -> Finding | None:
        # A check without a clear view speaks neither for the fault nor against it, so the decision
        # waits for the next clear one and not for three unbroken ones.
        # Most outputs have a slope: where the loss is flat, the few that are left say nothing.
        flat = history["flat_share"] > MOSTLY_FLAT
        clear = History([row for row, hidden in zip(history.rows, flat, strict=True) if not hidden])
        return self._discriminator(clear) or self._generator(clear)

    def _discriminator(self, history: History) -> Finding | None:
        checks = self.checks(history, REAL_D, FAKE_D)
        real, fake = checks[REAL_D], checks[FAKE_D]
        first = self.since(checks, self._decided(real, fake) & (real * fake > 0))
        if first is None:
            return None
        # The sign of the push, not of the loss: swapped labels turn both terms, which is fine.
        way = "up" if real[-1] > 0 else "down"
        message = (
            f"The discriminator's loss pushes its outputs {way} for real images and for fakes "
            "alike: one of its two terms has the wrong sign or the wrong label."
        )
        evidence = _evidence(checks, FAKE_D, opposite_of=REAL_D)
        return checks.finding(self, first, message, *evidence)

    def _generator(self, history: History) -> Finding | None:
        checks = self.checks(history, REAL_D, FAKE_D, FAKE_G)
        apart, made = checks[REAL_D] - checks[FAKE_D], checks[FAKE_G]
        first = self.since(checks, self._decided(apart, made) & (apart * made < 0))
        if first is None:
            return None
        message = (
            "The generator's loss pushes the discriminator's outputs for fakes the same way as "
            "the discriminator's own loss: the generator learns to be recognised. Turn the sign "
            "(or the label) of the generator's loss, or of the discriminator's."
        )
        evidence = _evidence(checks, FAKE_G, opposite_of=FAKE_D)
        return checks.finding(self, first, message, *evidence)

    def _decided(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """bool [checks]: both pushes go clearly one way."""
        return (abs(a) >= self.least) & (abs(b) >= self.least)


def _evidence(checks: Checks, judged: str, opposite_of: str) -> tuple[Evidence, ...]:
    """The pushes; the one that is judged should go the other way than `opposite_of`."""
    right = (0.0, 1.0) if checks[opposite_of][-1] < 0 else (-1.0, 0.0)
    ranges = dict.fromkeys((REAL_D, FAKE_D, FAKE_G), (-1.0, 1.0)) | {judged: right}
    return checks.known(*(checks.evidence(name, *bounds) for name, bounds in ranges.items()))
