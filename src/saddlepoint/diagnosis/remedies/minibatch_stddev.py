"""The discriminator is told how far its batch lies apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("minibatch-stddev")
@dataclass(frozen=True, kw_only=True)
class MinibatchStddev(Remedy):
    """A batch of equal images gives itself away.

    Paper: Karras et al. 2018, https://arxiv.org/abs/1710.10196, section 3.
    """

    cures: ClassVar[Mapping[str, int]] = {
        "complete-mode-collapse": 6,
        "partial-mode-collapse": 6,
        "latent-ignored": 5,
    }
    advice: ClassVar[str] = (
        "Append the standard deviation over the batch as one more feature before the "
        "discriminator's last layers."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        if getattr(config.arch, "minibatch_stddev", None) is not False:
            return None
        return {"arch.minibatch_stddev": True}
