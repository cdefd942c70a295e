"""When the doctor checks, and how closely: so seldom that it costs little."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FIRST_CHECKS = (1, 3, 10, 30, 60, 100)
"""Steps of a run that are checked whatever the usual interval: a loop that is wired wrongly should
be told so within a minute."""
EVERY = 100
"""Steps between two checks, at least, where nothing is given."""
SHARE = 0.02
"""Checks may take this share of the time, unless their interval is given."""
ASKS_EVERY = 10
"""Checks from one that measures the wiring to the next, after the first ones."""


@dataclass(frozen=True)
class Plan:
    """What the next step is to the doctor."""

    due: bool
    """A check follows it."""
    probes: bool
    """The check takes batches of its own, and compares fakes with real images."""
    asks: bool
    """The check measures how the loop is wired."""
    listens: bool
    """The nets' calls are kept."""


@dataclass
class Schedule:
    """Decides about every step.

    Attributes:
        every, probe: as the Doctor got them.
        small: steps cost little, as those of points in the plane do.
    """

    every: int | Callable[[int], bool] | None
    probe: Callable[[int], bool] | None
    small: bool
    _began: float = field(default_factory=time.monotonic)
    _spent: float = 0.0
    _last: int = 0

    def plan(self, step: int, n_checks: int) -> Plan:
        """For step number `step`, after `n_checks` checks."""
        due = self._is_check(step)
        early = step <= FIRST_CHECKS[-1]
        # Listening costs a few microseconds a call, which are more beside a small step.
        stride = 8 if self.small else 2
        return Plan(
            due=due,
            probes=due and self._is_probe(step),
            asks=due and (n_checks < len(FIRST_CHECKS) or n_checks % ASKS_EVERY == 0),
            listens=due or early or step % stride == 0,
        )

    @contextmanager
    def check(self, step: int) -> Iterator[None]:
        """Around a check: its time counts."""
        begun = time.monotonic()
        yield
        self._last = step
        self._spent += time.monotonic() - begun

    def _is_check(self, step: int) -> bool:
        if callable(self.every):
            return self.every(step)
        if step in FIRST_CHECKS:
            return True
        if self.every is not None:
            return step % self.every == 0
        late = step - self._last >= EVERY
        return late and self._spent <= SHARE * (time.monotonic() - self._began)

    def _is_probe(self, step: int) -> bool:
        if self.probe is not None:
            return self.probe(step)
        if callable(self.every) or step >= FIRST_CHECKS[-1]:
            return True
        return self.every is not None and step % self.every == 0
