"""How far each optimiser's step moves its own net and the other one.

The weights are copied only around a step that belongs to a check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.observe.trace import Player, Step, Trace


class Steps:
    """Measures the steps of both optimisers into a trace."""

    def __init__(
        self,
        nets: Mapping[Player, nn.Module],
        optimizers: Mapping[Player, torch.optim.Optimizer],
        trace: Trace,
    ) -> None:
        self.parameters = {player: list(net.parameters()) for player, net in nets.items()}
        # Where one optimiser holds both nets, no step can be told from the other player's.
        self.shared = optimizers["d"] is optimizers["g"]
        self.trace = trace
        self._copies: dict[Player, list[Tensor]] = {}
        self._open: dict[Player, Step] = {}

    def before(self, player: Player, optimizer: torch.optim.Optimizer, closely: bool) -> None:
        """Read the gradients, and copy what the step may move.

        Args:
            closely: also see whether it moves the other net.
        """
        own = self.parameters[player]
        step = Step(player, self.trace.last_step, self.trace.tick(), closely)
        gradients = [p.grad for p in own if p.grad is not None]
        if gradients:
            # A fused AMP step still has its gradients multiplied by the scaler's factor.
            scale = getattr(optimizer, "grad_scale", None)
            step.gradient_norm = norm(gradients) / (1.0 if scale is None else float(scale))
        total = sum(p.numel() for p in own)
        if closely and total:
            step.missing = sum(p.numel() for p in own if p.grad is None) / total
        for which in ("d", "g") if closely and not self.shared else (player,):
            self._copies[which] = [p.detach().clone() for p in self.parameters[which]]
        self._open[player] = step

    def after(self, player: Player) -> None:
        """Complete the record of a step that was measured, and count any."""
        step, before = self._open.pop(player, None), self._copies.pop(player, None)
        if step is not None:
            if before:
                change = distance(self.parameters[player], before)
                step.update_ratio = change / norm(before).clamp_min(1e-12)
            if not self.shared:
                for other, copies in self._copies.items():
                    step.other_moved = distance(self.parameters[other], copies)
                self._copies = {}
            self.trace.steps.append(step)
        self.trace.n_steps[player] += 1
        self.trace.last_step = self.trace.tick()


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """2-norm of all numbers together."""
    if not tensors:
        return torch.zeros(())
    norms = torch._foreach_norm(tensors)  # type: ignore[reportPrivateImportUsage]  # no public one
    return torch.stack(norms).float().norm()


def distance(new: Sequence[Tensor], old: list[Tensor]) -> Tensor:
    """2-norm of the change."""
    now = [p.detach() for p in new]
    return norm(torch._foreach_sub(now, old))  # type: ignore[reportPrivateImportUsage]
