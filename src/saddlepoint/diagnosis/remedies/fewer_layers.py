"""A discriminator that wins loses layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("fewer-layers")
@dataclass(frozen=True, kw_only=True)
class FewerLayers(Remedy):
    """Takes the last hidden layer of the discriminator away, or its residuals, or all stages but
    some."""

    depth: int = 2
    """Stages that a convolutional discriminator keeps."""

    cures: ClassVar[Mapping[str, int]] = {"discriminator-wins": 9, "discriminator-overfitting": 6}
    advice: ClassVar[str] = "Take a layer away from the discriminator, or halve its width."

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        arch: Any = config.arch
        widths = getattr(arch, "discriminator_widths", ())
        if len(widths) > 1:
            return {"arch.discriminator_widths": tuple(widths[:-1])}
        if getattr(arch, "discriminator_residuals", 0):
            return {"arch.discriminator_residuals": 0}
        depth = getattr(arch, "discriminator_depth", None)
        if depth == 0 or (depth is not None and depth > self.depth):
            return {"arch.discriminator_depth": self.depth}
        return None
