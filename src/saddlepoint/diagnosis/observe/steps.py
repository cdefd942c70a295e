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

    def __init__(self, nets: Mapping[Player, nn.Module], trace: Trace) -> None:
        self.parameters = {player: list(net.parameters()) for player, net in nets.items()}
        self.trace = trace
        self._open: dict[Player, tuple[Step, dict[Player, list[Tensor]]]] = {}
        """Steps under way, with copies of the weights from before them."""

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
        moved: tuple[Player, ...] = ("d", "g") if closely else (player,)
        # Copied per step: an optimiser that holds both nets begins two steps at once.
        self._open[player] = (
            step,
            {which: [p.detach().clone() for p in self.parameters[which]] for which in moved},
        )

    def after(self, player: Player) -> None:
        """Complete the record of a step that was measured, and count any."""
        if player in self._open:
            step, copies = self._open.pop(player)
            for which, old in copies.items():
                change = distance(self.parameters[which], old)
                if which == player:
                    step.update_ratio = change / norm(old).clamp_min(1e-12)
                else:
                    step.other_moved = change
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
