"""Another draw of everything that is random: what is left when nothing else helped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

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

    cures: ClassVar[Mapping[str, int]] = {
        "complete-mode-collapse": 99,
        "partial-mode-collapse": 99,
        "discriminator-wins": 99,
        "generator-wins": 99,
        "weak-discriminator": 99,
        "oscillation": 99,
        "divergence": 99,
        "non-finite": 99,
        "latent-ignored": 99,
        "condition-ignored": 99,
    }
    advice: ClassVar[str] = "Go back to the last healthy checkpoint and go on with another seed."

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        return {"seed": config.seed + self.step}
