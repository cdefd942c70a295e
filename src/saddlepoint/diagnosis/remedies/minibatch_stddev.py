"""The discriminator is given the spread of its batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import arch

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("minibatch-stddev")
@dataclass(frozen=True, kw_only=True)
class MinibatchStddev(Remedy):
    """A batch of equal images gives itself away.

    Paper: Karras et al. 2018, https://arxiv.org/abs/1710.10196, section 3.
    """

    advice = (
        "Append the standard deviation over the batch as one more feature before the "
        "discriminator's last layers."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        return arch(config.arch.raised("minibatch_stddev", True)) or None
