"""A fault of the loop is fixed where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import without_batch_norm

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("repair-wiring")
@dataclass(frozen=True, kw_only=True)
class RepairWiring(Remedy):
    """In our own loop one such fault can be configured: BatchNorm under a gradient penalty. All
    others lie in code that only its author can change."""

    advice = (
        "Fix the line of the loop that the evidence points at; docs/findings.md has the wrong "
        "and the right form of each."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        if finding.name != "batch-norm-with-gradient-penalty":
            return None
        return without_batch_norm(config) or None
