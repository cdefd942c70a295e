"""R1 and R2: the discriminator's slope is pulled to 0 where the images are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import usual_gamma, without_batch_norm

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("zero-centred-penalties")
@dataclass(frozen=True, kw_only=True)
class ZeroCentredPenalties(Remedy):
    """Adds R1 and R2; the discriminator gives up its BatchNorm, which makes their gradients wrong.

    Papers: Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, section 4; both together:
    Huang et al. 2024, https://arxiv.org/abs/2501.05441.
    """

    every: int = 2
    """Both are applied on one discriminator step in `every`."""

    advice = (
        "Penalise the discriminator's squared gradient at real and at generated images (R1 and "
        "R2, gamma about 1), without BatchNorm in the discriminator."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        # A critic's slope is to be 1, not 0: the two kinds of penalties exclude each other.
        there = {penalty.kind for penalty in config.penalties}
        missing = [kind for kind in ("r1", "r2") if kind not in there]
        if config.loss.kind == "wasserstein" or "gradient-penalty" in there or not missing:
            return None
        gamma = usual_gamma(config)
        new = tuple({"kind": kind, "gamma": gamma, "every": self.every} for kind in missing)
        return {"penalties": (*config.penalties, *new), **without_batch_norm(config)}
