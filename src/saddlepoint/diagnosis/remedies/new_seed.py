"""Another draw of everything random: what is left when nothing else helped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("new-seed")
@dataclass(frozen=True, kw_only=True)
class NewSeed(Remedy):
    """The same configuration from the last healthy checkpoint, with other latents and batches."""

    step: int = 1000
    """What is added to the seed."""

    last_resort = True
    advice = "Go back to the last healthy checkpoint and continue with another seed."

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        return {"seed": config.seed + self.step}
