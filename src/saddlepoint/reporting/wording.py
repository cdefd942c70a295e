"""What the curves of a loss mean, worked out from the loss itself, for every page alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from saddlepoint.core.config_json import from_json
from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Wording:
    """How one family's curves are named and read."""

    critic: str = "discriminator"
    """discriminator, or critic where its output is a height and not a verdict."""
    reading: str = "The two losses pull against each other; neither is expected to fall."
    """The loss's own text on how a person reads its curves."""
    rest_d: float | None = None
    """The discriminator's loss, without penalties, when real and generated images cannot be told
    apart; None: unknown."""
    rest_g: float | None = None
    """The generator's loss there; None when it has a free offset."""
    zero_is_neutral: bool = True
    """Whether a logit of 0 means "cannot tell"; False when only differences count."""

    @property
    def equilibrium(self) -> str:
        """Where the curves stand when real and generated images cannot be told apart."""
        if self.rest_d is None:
            return ""
        text = f"At equilibrium the {self.critic}'s loss is {_short(self.rest_d)}"
        if self.rest_g is None:
            return text + "; the generator's has a free offset and no value of its own there."
        return (
            f"{text} and the generator's {_short(self.rest_g)} (dotted lines), before any penalty."
        )


def wording_of(loss: Mapping[str, Any]) -> Wording:
    """The wording for the `loss` part of a run's configuration.

    A loss of a plug-in that is not installed here gets a wording that holds for any.
    """
    try:
        objective: AdversarialLoss = from_json(loss, AdversarialLoss, "loss")
    except InputError:
        return Wording()
    # Lifting all logits by the same amount changes nothing where only differences count, as in
    # Wasserstein's and the relativistic losses; there a logit of 0 has no meaning of its own.
    (rest_d, at_zero_g), (lifted_d, lifted_g) = _at(objective, 0.0), _at(objective, 3.0)
    only_differences = abs(rest_d - lifted_d) < 1e-4
    # Wasserstein's generator loss still moves with the lift, so it has no value at rest.
    offset_free = only_differences and abs(at_zero_g - lifted_g) > 1e-4
    # A critic's output is a height: its generator climbs it, from wherever it starts.
    critic = "critic" if offset_free else "discriminator"
    return Wording(
        critic=critic,
        reading=objective.reading,
        rest_d=rest_d,
        rest_g=None if offset_free else at_zero_g,
        zero_is_neutral=not only_differences,
    )


def _at(loss: AdversarialLoss, level: float) -> tuple[float, float]:
    """Both losses when every logit, real or fake, is `level`."""
    logits = torch.full((2,), level)
    with torch.no_grad():
        d = loss.discriminator(logits, logits).mean()
        g = loss.generator(logits, logits).mean()
    return float(d), float(g)


def _short(value: float) -> str:
    return f"{round(value, 3) + 0.0:g}"  # adding 0 makes -0 a plain 0
