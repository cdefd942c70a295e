"""A discriminator that wins forgets a part of its features at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

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

    cures: ClassVar[Mapping[str, int]] = {
        "discriminator-wins": 7,
        "discriminator-overfitting": 3,
        "memorisation": 3,
    }
    advice: ClassVar[str] = "Put dropout of 0.2 to 0.5 after the discriminator's hidden layers."

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        if config.loss.kind == "wasserstein":
            return None  # a critic should be as good as it can be, within its slope
        now = getattr(config.arch, "dropout", None)
        return {"arch.dropout": self.share} if now is not None and now < self.share else None
