"""The beaten network gets more capacity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("strengthen-loser")
@dataclass(frozen=True, kw_only=True)
class StrengthenLoser(Remedy):
    """What weakens the loser is taken away; then it grows to the winner's size.

    The lecture's rule: the discriminator should be the stronger of the two, or at least as strong.
    """

    narrowest: int = 64
    """Least width of a hidden layer of fully connected nets."""
    dwarf: float = 0.25
    """Where nobody has lost but the players circle, the discriminator grows if its widest layer is
    below this share of the generator's: it has no room for all modes and gives one up for another
    (docs/benchmarks.md, weak-discriminator)."""

    cures: ClassVar[Mapping[str, int]] = {
        "generator-wins": 2,
        "weak-discriminator": 2,
        "complete-mode-collapse": 2,
        "partial-mode-collapse": 2,
        "lipschitz-violation": 2,
        "oscillation": 2,
        "discriminator-wins": 6,
    }
    advice: ClassVar[str] = (
        "Make the beaten network wider or deeper, to the size of the other at least, and take its "
        "dropout away."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        arch: Any = config.arch
        if finding.name == "oscillation":
            widest = _widest(arch)
            if widest["discriminator"] >= self.dwarf * widest["generator"]:
                return None
        loser = "generator" if finding.name == "discriminator-wins" else "discriminator"
        if finding.name in ("complete-mode-collapse", "partial-mode-collapse"):
            # A generator that is the smaller of the two may be too small to reach all modes.
            loser = _smaller(arch)
        winner = "discriminator" if loser == "generator" else "generator"
        found: dict[str, Any] = {}
        if loser == "discriminator":
            for field in ("dropout", "discriminator_depth"):
                if getattr(arch, field, 0):
                    found[f"arch.{field}"] = 0
        if hasattr(arch, f"{loser}_widths"):
            found |= self._wider_layers(arch, loser, winner)
        elif hasattr(arch, f"{loser}_width"):
            width = getattr(arch, f"{winner}_width")
            if getattr(arch, f"{loser}_width") < width:
                found[f"arch.{loser}_width"] = width
        return found or None

    def _wider_layers(self, arch: Any, loser: str, winner: str) -> dict[str, Any]:
        """The winner's hidden layers, in the order that suits a net of the other kind."""
        now, other = getattr(arch, f"{loser}_widths"), getattr(arch, f"{winner}_widths")
        wanted = tuple(max(width, self.narrowest) for width in reversed(other))
        smaller = len(now) < len(wanted) or max(now) < max(wanted) / 2
        return {f"arch.{loser}_widths": wanted} if smaller else {}


def _smaller(arch: Any) -> str:
    """The net with the narrower widest layer; the discriminator where they are equal."""
    widest = _widest(arch)
    return "generator" if widest["generator"] < widest["discriminator"] else "discriminator"


def _widest(arch: Any) -> dict[str, int]:
    """Player -> width of its widest hidden layer; 0 where an architecture does not tell."""
    found = {}
    for player in ("generator", "discriminator"):
        widths = getattr(arch, f"{player}_widths", None) or (getattr(arch, f"{player}_width", 0),)
        found[player] = max(widths)
    return found
