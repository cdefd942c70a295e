"""What a penalty on the discriminator's gradient asks of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


def without_batch_norm(config: Config) -> dict[str, Any]:
    """Changes that take BatchNorm out of the discriminator; {} where there is none."""
    if getattr(config.arch, "discriminator_norm", None) != "batch":
        return {}
    found: dict[str, Any] = {"arch.discriminator_norm": "none"}
    if hasattr(config.arch, "init"):
        found["arch.init"] = "he"  # the paper's small weights count on BatchNorm to scale them
    return found
