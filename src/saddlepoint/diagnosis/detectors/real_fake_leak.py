"""Something that has nothing to do with the pictures tells real images from fakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("real-fake-leak")
@dataclass(frozen=True, kw_only=True)
class RealFakeLeak(Detector):
    """The discriminator wins by a trace of the preparation: a padded border, invisible detail.

    Two questions to it: what does it say when both sides swap their borders, while only one side
    has a border of exactly one value? What does it say when the same noise, too faint to be seen,
    was added to both? A judgement of the pictures survives both.
    Reference: https://github.com/sefibk/KernelGAN/issues/83
    """

    drop: float = 0.25
    """Loss of AUC by the swap of borders or by faint noise that shows a leak."""
    sure: float = 0.9
    """AUC from which on the discriminator counts as winning."""
    m: int = 2
    """Checks that must show it ..."""
    k: int = 3
    """... among this many, after the first steps."""

    explained_by: ClassVar[tuple[str, ...]] = ("range-mismatch", "mixed-batch-norm")

    def __post_init__(self) -> None:
        between(self, 0, 1, "drop", "sure")
        at_least(self, 1, "m")
        at_least(self, self.m, "k")

    def inspect(self, history: History) -> Finding | None:
        return self._border(history) or self._noise(history)

    def _border(self, history: History) -> Finding | None:
        looks = Checks(history, "frame_alone", "leak_border", after=2)
        framed = looks["frame_alone"] >= 1
        used = looks.lasting(framed & (looks["leak_border"] >= self.drop), self.m, self.k)
        first = used if used is not None else looks.lasting(framed, self.k, self.k)
        if first is None:
            return None
        width = int(looks["frame_alone"][-1])
        evidence = (
            Evidence(
                name="frame_alone",
                value=float(width),
                healthy=(0.0, 0.0),
                note="width in pixels of a border of exactly one value on one side only",
            ),
            Evidence(
                name="leak_border",
                value=float(np.max(looks["leak_border"][first:])),
                healthy=(None, self.drop),
                note="AUC that the discriminator loses when the two sides swap their borders",
            ),
        )
        judged = (
            "and the discriminator judges by it: when both sides swap borders, it changes its mind"
            if used is not None
            else "which the discriminator will learn to judge by"
        )
        message = (
            f"Only one side has a border of exactly one value ({width} px), {judged}. Prepare real "
            "and generated images in the same way (padding, resizing, rotation)."
        )
        severity = "fatal" if used is not None else "warn"
        return looks.finding(self, first, severity, message, evidence)

    def _noise(self, history: History) -> Finding | None:
        looks = Checks(history, "leak_noise", "auc", after=2)
        ill = (looks["leak_noise"] >= self.drop) & (looks["auc"] >= self.sure)
        first = looks.lasting(ill, self.m, self.k)
        if first is None:
            return None
        evidence = (
            Evidence(
                name="leak_noise",
                value=float(looks["leak_noise"][-1]),
                healthy=(None, self.drop),
                note="AUC that the discriminator loses by noise of 2/255, the same on both sides",
            ),
        )
        message = (
            "The discriminator tells real images from fakes by detail that nobody sees: noise of "
            "2/255 on both sides takes its judgement away. Look for rounding, compression or "
            "resizing on one side only, or add faint noise to both."
        )
        return looks.finding(self, first, "fatal", message, evidence)

    @classmethod
    def healthy(cls) -> list[History]:
        digits = {"leak_border": [0.1, 0.4, 0.6, 0.5, 0.3, 0.3]}
        return [*sound(), early(digits), early({"leak_noise": [0.3, 0.3, 0.0, 0.0, 0.0, 0.0]})]

    @classmethod
    def unhealthy(cls) -> list[History]:
        return [
            early({"frame_alone": 2.0, "leak_border": [0.1, 0.5, 0.9, 1.0, 1.0, 1.0]}),
            early({"frame_alone": 1.0, "leak_border": 0.0}),
            early({"leak_noise": [0.0, 0.1, 0.3, 0.4, 0.45, 0.45]}),
        ]
