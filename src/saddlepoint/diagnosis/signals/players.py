"""How far and how hard each player moves: gradients and weights around its newest step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Player:
    """One net and its optimiser's steps.

    Args:
        name: "d" or "g", the ending of its columns.
    """

    def __init__(self, name: str, net: nn.Module) -> None:
        self.name = name
        self.parameters = list(net.parameters())
        self.seen: dict[str, float | Tensor] = {}
        self._before: list[Tensor] = []
        self._at_row = _copies(self.parameters)

    def before_step(self, scale: float = 1.0) -> None:
        """scale: what the gradients are still multiplied by (a fused AMP step)."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        if gradients:
            self.seen[f"grad_norm_{self.name}"] = norm(gradients) / scale
        self._before = _copies(self.parameters)

    def after_step(self) -> None:
        if self._before:
            change = distance(self.parameters, self._before)
            self.seen[f"update_ratio_{self.name}"] = change / norm(self._before).clamp_min(1e-12)
            self._before = []

    def take(self) -> dict[str, float]:
        """The columns since the last call."""
        columns = {name: float(value) for name, value in self.seen.items()}
        columns[f"moved_{self.name}"] = float(distance(self.parameters, self._at_row))
        self.seen = {}
        self._at_row = _copies(self.parameters)
        return columns


def clip_share(net: nn.Module) -> float:
    """Share of the weights at the greatest absolute weight: near 1 in a clipped, stuck critic."""
    sizes = torch.cat([p.detach().abs().flatten() for p in net.parameters()])
    return float((sizes >= 0.999 * sizes.max()).float().mean())


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """2-norm of all numbers together."""
    norms = torch._foreach_norm(tensors)  # type: ignore[reportPrivateImportUsage]  # no public one
    return torch.stack(norms).float().norm()


def distance(new: list[nn.Parameter], old: list[Tensor]) -> Tensor:
    """2-norm of the change."""
    now = [p.detach() for p in new]
    return norm(torch._foreach_sub(now, old))  # type: ignore[reportPrivateImportUsage]


def _copies(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [p.detach().clone() for p in parameters]
