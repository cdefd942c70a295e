"""A discriminator that wins forgets a part of its features at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import arch

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("dropout")
@dataclass(frozen=True, kw_only=True)
class Dropout(Remedy):
    """Dropout after each layer of the discriminator.

    Paper: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html.
    """

    share: float = 0.3
    """Share of features that is left out."""

    advice = "Put dropout of 0.2 to 0.5 after the discriminator's hidden layers."

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        if config.loss.kind == "wasserstein":
            return None  # a critic should be as good as it can be, within its slope
        return arch(config.arch.raised("dropout", self.share)) or None
