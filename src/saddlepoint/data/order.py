"""The order in which data are shown: a function of seed and position alone, one permutation of all
items an epoch.

Of data in shards it goes through windows: the shards are permuted, some neighbours make a window,
and the items of a window are permuted. Whoever reads on from a position needs that window and no
earlier one, and the items that are near in time lie in few shards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.randomness import derive_seed

WINDOW_BYTES = 2**28
"""Decoded bytes of a window, where a shard has no more. Part of the order: with another number a
resumed run would read other items."""


def shards_in_window(counts: Sequence[int], item_bytes: int) -> int:
    """How many shards make a window, for shards of `counts` items each."""
    return max(1, WINDOW_BYTES // (max(counts) * item_bytes))


class Order:
    """Which item is shown when: position 0, 1, ... -> item, over all epochs."""

    def __init__(
        self,
        n: int,
        seed: int,
        shards: Sequence[int] = (),
        item_bytes: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        """
        Args:
            shards: items in each shard; () where no item is nearer to some than to others.
            item_bytes: of a decoded item.
            device: where the answers are.
        """
        self.n, self.seed, self.device = n, seed, device
        counts = np.array(shards or [n], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._counts = counts
        self.in_window = shards_in_window(shards, item_bytes) if shards else 1
        self._plans: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._windows: dict[tuple[int, int], Tensor] = {}

    def __call__(self, position: int, count: int) -> Tensor:
        """int64 [count] on the device: the items at position, position + 1, ..."""
        parts = []
        while count > 0:
            epoch, within = divmod(position, self.n)
            number, start = self._window_at(epoch, within)
            part = self._window(epoch, number)[start : start + count]
            parts.append(part)
            position, count = position + len(part), count - len(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def window_after(self, position: int) -> tuple[tuple[int, int], Tensor]:
        """The window after the one at `position`: what it is known by, and the first item of each
        of its shards, int64 on the CPU."""
        epoch, within = divmod(position, self.n)
        number = self._window_at(epoch, within)[0] + 1
        if number == len(self._plan(epoch)[1]):
            epoch, number = epoch + 1, 0
        return (epoch, number), torch.from_numpy(self._starts[self._shards(epoch, number)])

    def _window_at(self, epoch: int, within: int) -> tuple[int, int]:
        """The window that holds a position of the epoch, and where in it."""
        ends = self._plan(epoch)[1]
        number = int(np.searchsorted(ends, within, side="right"))
        return number, within - (int(ends[number - 1]) if number else 0)

    def _plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The shards in the order of the epoch, and the position at which each window ends."""
        if epoch not in self._plans:
            shards = np.zeros(1, np.int64)
            if len(self._counts) > 1:
                shards = self._permutation("shards", epoch, len(self._counts)).numpy()
            starts = np.arange(0, len(shards), self.in_window)
            ends = np.cumsum(np.add.reduceat(self._counts[shards], starts))
            self._plans = {e: plan for e, plan in self._plans.items() if abs(e - epoch) == 1}
            self._plans[epoch] = (shards, ends)
        return self._plans[epoch]

    def _shards(self, epoch: int, number: int) -> np.ndarray:
        return self._plan(epoch)[0][number * self.in_window : (number + 1) * self.in_window]

    def _window(self, epoch: int, number: int) -> Tensor:
        key = (epoch, number)
        if key not in self._windows:
            shards = self._shards(epoch, number)
            ranges = [torch.arange(*self._starts[s : s + 2].tolist()) for s in shards]
            drawn = self._permutation("order", epoch, sum(map(len, ranges)), number)
            items = drawn if len(self._counts) == 1 else torch.cat(ranges)[drawn]
            # The one before is kept too: a batch may span both.
            self._windows = dict(list(self._windows.items())[-1:])
            self._windows[key] = items.to(self.device, non_blocking=True)
        return self._windows[key]

    def _permutation(self, purpose: str, epoch: int, n: int, window: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(derive_seed(self.seed, purpose, epoch, window))
        return torch.randperm(n, generator=generator)
