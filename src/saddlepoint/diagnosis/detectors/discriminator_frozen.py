"""The discriminator does not learn at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._frozen import FrozenDetector


@register("discriminator-frozen")
@dataclass(frozen=True, kw_only=True)
class DiscriminatorFrozen(FrozenDetector):
    """The discriminator's weights do not move at its own steps, not by a single bit.

    Weights that were frozen for the generator's step and never freed, an optimiser built from other
    parameters, a step that is never taken: the generator then games a judge that cannot answer.
    A discriminator whose loss is satisfied (a hinge at 0) is not frozen.
    Reference: https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad
    """

    player = "d"
    explained_by = ("optimizer-mixup", "learning-rate-too-high", "saturated-loss")

    def has_slope(self, checks: Checks) -> np.ndarray:
        # The sign of the slope at real images is absent where there is no slope.
        return np.isfinite(checks["logit_gradient_sign_real_d"])
