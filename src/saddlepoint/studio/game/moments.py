"""Moments of a game that are kept, so that the way back is short."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from saddlepoint.training.state import TrainState

KEPT_EVERY, MOST_KEPT = 100, 40
"""Moves between two kept moments, and how many are kept before every second one is dropped."""
_PARTS = ("generator", "discriminator", "optim_g", "optim_d")


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Everything that a game is after some moves."""

    at: int
    parts: dict[str, Any]
    """Name -> state of the two nets and optimisers."""
    n_rows: int
    """Of the doctor's history."""
    n_rounds: int
    n_images: int
    open_round: bool
    loss_d: float | None
    loss_g: float | None

    def restore(self, state: TrainState) -> None:
        """Put nets and optimisers back to how they were."""
        for name, kept in self.parts.items():
            getattr(state, name).load_state_dict(copy.deepcopy(kept))
        state.n_images = self.n_images


class Moments:
    """The beginning and some later moments, oldest first."""

    def __init__(self) -> None:
        self._kept: list[Moment] = []

    def keep(self, state: TrainState, at: int, **fields: Any) -> None:
        """Keep this one, unless it is kept already.

        Args:
            at: moves made.
            fields: of `Moment`, what `state` does not tell.
        """
        if self._kept and self._kept[-1].at >= at:
            return
        parts = {name: copy.deepcopy(getattr(state, name).state_dict()) for name in _PARTS}
        self._kept.append(Moment(at=at, parts=parts, n_images=state.n_images, **fields))
        if len(self._kept) > MOST_KEPT:
            self._kept = self._kept[::2]

    def newest(self, by: int) -> Moment:
        """The newest one that is no later than `by` moves, or else the beginning."""
        return [moment for moment in self._kept if moment.at <= max(0, by)][-1]

    def drop(self, after: int) -> None:
        """Drop those of more than `after` moves."""
        self._kept = [moment for moment in self._kept if moment.at <= after]
