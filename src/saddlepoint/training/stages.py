"""The budgets of an extended run, one after another.

A run is given a new budget after the one before has ended, with measures that only an end takes. If
its newest checkpoints are damaged, it goes back to before that end, and has to end there again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from saddlepoint.core.config import Config
from saddlepoint.core.documents import Budget


@dataclass(frozen=True)
class Stage:
    """One of a run's budgets."""

    config: Config
    """With this budget and the length that the schedules had in it."""
    begun_at: int | None
    """Images at which the budget was given; None where a version that did not write that down has
    extended the run."""
    is_last: bool
    """Where it ends, the run is finished."""


def stages(budgets: Sequence[Budget], config: Config, n_images: int) -> Iterator[Stage]:
    """The budgets that are left at `n_images`: those that ended later, and the present one.

    Args:
        budgets: as config.json has them.
        config: the run's, with the present budget.
    """
    for place, line in enumerate(budgets[:-1]):
        if line.get("ended_at", 0) > n_images:
            train = replace(
                config.train,
                kimg=line.get("kimg") or config.train.kimg,
                minutes=line.get("minutes") or 0,
                schedule_kimg=line.get("schedule_kimg", config.train.schedule_kimg),
            )
            yield Stage(replace(config, train=train), begun_at(budgets[: place + 1]), False)
    yield Stage(config, begun_at(budgets), True)


def begun_at(budgets: Sequence[Budget]) -> int | None:
    """Images at which the last of these budgets was given; None as in `Stage`."""
    if not budgets:
        return 0
    return budgets[-1].get("begun_at", None if len(budgets) > 1 else 0)


def without_ends_after(budgets: Sequence[Budget], n_images: int) -> list[Budget]:
    """The same budgets, for a run that a treatment takes back to `n_images`: what comes after is
    another training, and belongs to the present budget."""
    kept: list[Budget] = [{**line} for line in budgets]
    for line in kept:
        if line.get("ended_at", 0) > n_images:
            line.pop("ended_at")
    return kept
