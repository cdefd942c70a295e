"""How many steps the discriminator takes before each step of the generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("update-ratio")
@dataclass(frozen=True, kw_only=True)
class UpdateRatio(Remedy):
    """A beaten discriminator gets more steps; one that wins gets one, as the generator does.

    A Wasserstein critic should be near its optimum and may take as many as it likes.
    Papers: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, algorithm 1 (k steps);
    Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, algorithm 1 (n_critic = 5).
    """

    most: int = 5
    """Greatest number of discriminator steps."""

    advice = (
        "Give the beaten player more steps: two to five discriminator steps for each generator "
        "step where the generator wins, one where the discriminator does."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        now = config.train.n_critic
        # The loop has no extra generator steps, but a winning discriminator may have extra ones.
        if finding.name == "discriminator-wins":
            return {"train.n_critic": 1} if now > 1 and config.loss.kind != "wasserstein" else None
        # Not all at once: the budget is counted in images, so each costs the generator a step.
        wanted = min(self.most, 2 * now)
        return {"train.n_critic": wanted} if wanted > now else None
