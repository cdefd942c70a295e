"""The beaten network gets more capacity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import arch

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("strengthen-loser")
@dataclass(frozen=True, kw_only=True)
class StrengthenLoser(Remedy):
    """Takes away what weakens the loser, and lets it grow to the winner's size.

    The lecture has it for a convergence failure: make the beaten network more complex. For mode
    collapse it strengthens the generator and weakens the discriminator on purpose. Differs from
    the lecture there: the smaller of the two nets grows, the discriminator where they are equal,
    because a discriminator that learns too slowly is the first cause of a collapse that it names.
    """

    dwarf: float = 0.25
    """Where nobody has lost but the players circle, the discriminator grows if its widest layer is
    below this share of the generator's: it has no room for all modes and gives one up for another
    (docs/benchmarks.md, weak-discriminator)."""

    advice = (
        "Make the beaten network wider or deeper, to the size of the other at least, and take its "
        "dropout away."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        # Players may circle because the discriminator is a dwarf, and no penalty helped those (even
        # seeds of bench/doctor/rescue.py). One of a fair size is not why they circle.
        generator, discriminator = map(config.arch.width_of, ("generator", "discriminator"))
        if finding.name == "oscillation" and discriminator >= self.dwarf * generator:
            return None
        # A generator that is the smaller of the two may be too small to reach all modes.
        too_small = finding.name in ("complete-mode-collapse", "partial-mode-collapse")
        too_small = too_small and generator < discriminator
        beaten = finding.name == "discriminator-wins" or too_small
        return arch(config.arch.stronger("generator" if beaten else "discriminator")) or None
