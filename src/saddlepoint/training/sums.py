"""Means of a tick, read from the device once."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor


class Sums:
    """Means over a tick, added up on the device."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, ...], Tensor] = {}
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._of_step: dict[str, list[Tensor]] = {}

    def add(self, name: str, values: Tensor) -> None:
        """Add the mean of `values` to the tick's mean of `name`."""
        self.add_row((name,), values.detach().float().mean().view(1))

    def add_row(self, names: tuple[str, ...], values: Tensor) -> None:
        """Add float32 [n] in one operation, one value a name."""
        known = self._totals.get(names)
        self._totals[names] = values if known is None else known + values
        self._counts[names] += 1
        for name, value in zip(names, values.unbind(), strict=True):
            self._of_step.setdefault(name, []).append(value)

    def end_step(self) -> dict[str, Tensor]:
        """The means since the last call, on the device: of all turns of a step."""
        means = {name: torch.stack(values).mean() for name, values in self._of_step.items()}
        self._of_step = {}
        return means

    def take(self) -> dict[str, float]:
        """The means since the last call; one synchronisation with the device."""
        if not self._totals:
            return {}
        # In one piece: reading each number alone would wait for the device each time.
        flat = torch.cat(list(self._totals.values())).tolist()
        totals: dict[str, float] = {}
        counts: Counter[str] = Counter()
        for names in self._totals:
            for name in names:
                totals[name] = totals.get(name, 0.0) + flat.pop(0)
                counts[name] += self._counts[names]
        self._totals, self._counts, self._of_step = {}, Counter(), {}
        return {name: total / counts[name] for name, total in totals.items()}
