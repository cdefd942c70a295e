"""The label is asked for and not drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import above, at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._checks import WIRING, Checks, gains
from saddlepoint.diagnosis.detectors._examples import learning, run, traps


@register("condition-ignored")
@dataclass(frozen=True, kw_only=True)
class ConditionIgnored(Detector):
    """A new label changes nothing about what the image shows, while a new latent does.

    Whoever learns that the label is not needed (a discriminator that does not look at it) drops it.
    There are three signs. The same latent under another label gives nearly the same image. It
    gives a somewhat different one, but the images of one label are several times as varied as the
    real ones of a label (of tight classes). Or the images do lie on the data, but show the label
    that was asked for hardly more often than chance: a label that is an input of every layer goes
    on changing images at random.
    Papers: Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784; Miyato & Koyama 2018,
    https://arxiv.org/abs/1802.05637, section 1 (labels that are concatenated and forgotten).
    """

    effect: float = 0.2
    """Change by a new label, in changes by a new latent, at most."""
    varied_effect: float = 0.4
    """The same, where the images of one label are `varied`."""
    varied: float = 3.0
    """Spread of the images of one label, in that of the real ones, at least."""
    agreement: float = 0.2
    """Agreement of images with their labels, in that of real images, at most."""
    latent_effect: float = 0.2
    """Change by a new latent, in those of real images, that shows that the generator is not
    simply collapsed."""
    warmup: float = 300
    """Rounds that are not looked at."""
    m: int = 7
    """Checks that must be ill ..."""
    k: int = 8
    """... among this many."""
    steps: float = 280
    """Rounds for which it must have lasted."""

    explained_by: ClassVar[tuple[str, ...]] = (
        *WIRING,
        "non-finite",
        "divergence",
        "complete-mode-collapse",
        "discriminator-wins",
    )

    def __post_init__(self) -> None:
        above(self, 0, "effect", "varied_effect", "varied", "agreement", "latent_effect")
        at_least(self, 0, "warmup", "steps")
        between(self, 1, self.k, "m")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "label_effect", "latent_effect", after=self.warmup)
        effect, agreement = looks["label_effect"], looks["label_agreement"]
        with np.errstate(invalid="ignore"):  # NaN, where there is no such column, is no sign
            varied = looks["label_diversity"] > self.varied
            disagrees = (agreement < self.agreement) & ~_quality.off_the_data(looks)
        least = np.where(varied, self.varied_effect, self.effect)
        ill = ((effect < least) | disagrees) & (looks["latent_effect"] > self.latent_effect)
        first = looks.lasting(ill, self.m, self.k, self.steps)
        since = max(0, len(looks) - 2 * self.k)
        if first is None or gains(effect, since, 0.3, self.effect / 4):
            return None
        if effect[-1] >= least[-1] and gains(agreement, since, 0.3, self.agreement / 4):
            return None
        evidence = (
            Evidence(
                name="label_effect",
                value=float(effect[-1]),
                healthy=(float(least[-1]), None),
                note="change by a new label as a share of that by a new latent",
            ),
            Evidence(
                name="latent_effect",
                value=float(looks["latent_effect"][-1]),
                healthy=(self.latent_effect, None),
                note="change by a new latent as a share of that by another real image",
            ),
            *self._evidence_of(agreement),
        )
        message = "The generator ignores its labels: " + (
            f"another label changes an image by only {100 * effect[-1]:.2g} % of what another "
            "latent does."
            if effect[-1] < least[-1]
            else "its images show the label that was asked for hardly more often than chance "
            f"({100 * max(0.0, agreement[-1]):.2g} % of the agreement of real images)."
        )
        return looks.finding(self, first, "fatal", message, evidence)

    def _evidence_of(self, agreement: np.ndarray) -> tuple[Evidence, ...]:
        """The last look's agreement, where it has one."""
        if not np.isfinite(agreement[-1]):
            return ()
        note = "agreement of images with their labels: 1 as in real images, 0 by chance"
        value = float(agreement[-1])
        return (
            Evidence(
                name="label_agreement", value=value, healthy=(self.agreement, None), note=note
            ),
        )

    @classmethod
    def healthy(cls) -> list[History]:
        weak_start = {"label_effect": learning(0.05, 1.0, 3.0)}
        # Tight classes that are learnt late: varied within a label, but the label has its effect.
        tight = {"label_effect": learning(0.3, 10.0), "label_diversity": learning(14.0, 2.0)}
        late = {"label_agreement": learning(0.0, 0.8, 3.0)}
        hardly_visible = {"label_effect": 0.3, "label_agreement": None}
        return [*traps(), run(weak_start), run(tight), run(late), run(hardly_visible)]

    @classmethod
    def unhealthy(cls) -> list[History]:
        forgets = {"label_effect": learning(0.8, 0.03, 8.0)}
        varied = {"label_effect": 0.27, "label_diversity": 75.0, "latent_effect": 45.0}
        at_random = {"label_effect": 0.25, "label_agreement": 0.02}
        return [run(forgets), run({"label_effect": 0.06}), run(varied), run(at_random)]
