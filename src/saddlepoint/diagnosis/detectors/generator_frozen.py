"""The generator does not learn at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._frozen import FrozenDetector


@register("generator-frozen")
@dataclass(frozen=True, kw_only=True)
class GeneratorFrozen(FrozenDetector):
    """The generator's weights do not move at its own steps, not by a single bit.

    A detach() in the wrong place, an optimiser built from other parameters, a learning rate of 0 or
    a step that is never taken: the losses go on, the discriminator wins, and nothing is learned.
    A loss that is merely flat is saturated-loss.
    Reference: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html
    """

    player = "g"
    explained_by = ("optimizer-mixup", "learning-rate-too-high")

    def has_slope(self, checks: Checks) -> np.ndarray:
        # The same share as saturated-loss takes for a flat loss: one of the two speaks.
        return ~(checks["flat_share"] >= 0.75)
