"""Another loss: one that does not saturate, does not rely on clipping, or judges in pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import usual_gamma, usual_weight, without_batch_norm

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("change-loss")
@dataclass(frozen=True, kw_only=True)
class ChangeLoss(Remedy):
    """Minimax becomes non-saturating; a clipped critic gets the gradient penalty; any other loss
    becomes the relativistic one with R1 and R2.

    Papers: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 3; Gulrajani et al.
    2017, https://arxiv.org/abs/1704.00028; Huang et al. 2024, https://arxiv.org/abs/2501.05441
    (the relativistic loss has no bad basins, R1 and R2 make it converge).
    """

    lowest: float = 1e-4
    """Least learning rate beside the gradient penalty; clipping is used with lower ones."""
    highest: float = 2e-3
    """Greatest learning rate beside it."""
    every: int = 2
    """R1 and R2 are applied on one discriminator step in `every`."""

    advice = (
        "Change the loss: non-saturating instead of minimax, a gradient penalty instead of weight "
        "clipping, or the relativistic loss with R1 and R2."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        kind = config.loss.kind
        if kind == "minimax" and finding.name in ("saturated-loss", "discriminator-wins"):
            return {"loss": {"kind": "non-saturating"}}
        if finding.name == "discriminator-wins":
            return None  # a loss that does not saturate is not why the generator loses
        # A critic keeps its loss: what fails is its bound, and clipping is the worse one.
        if kind == "wasserstein":
            return self._penalised_critic(config)
        if kind == "relativistic" or finding.name == "lipschitz-violation":
            return None
        gamma = usual_gamma(config)
        penalties = tuple(
            {"kind": penalty, "gamma": gamma, "every": self.every} for penalty in ("r1", "r2")
        )
        loss = {"kind": "relativistic"}
        return {"loss": loss, "penalties": penalties, **without_batch_norm(config)}

    def _penalised_critic(self, config: Config) -> dict[str, Any] | None:
        # It has what this remedy gives: stronger-penalty is the next one.
        if any(penalty.kind == "gradient-penalty" for penalty in config.penalties):
            return None
        return {
            "loss": {"kind": "wasserstein", "clip": 0.0},
            "penalties": ({"kind": "gradient-penalty", "weight": usual_weight(config)},),
            "optim_g": self._adam(config.optim_g.lr),
            "optim_d": self._adam(config.optim_d.lr),
            # The critic has to stay near its optimum (Arjovsky et al. 2017, algorithm 1).
            "train.n_critic": max(2, config.train.n_critic),
            **without_batch_norm(config),
        }

    def _adam(self, lr: float) -> dict[str, Any]:
        """The paper's optimiser. A rate within the usual range is kept: it suits this data."""
        lr = min(max(lr, self.lowest), self.highest)
        return {"kind": "adam", "lr": lr, "beta1": 0.0, "beta2": 0.9}
