"""When the doctor looks, and how closely: so seldom that it costs little."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from saddlepoint.diagnosis.signals.wiring import FIRST_LOOKS

EVERY = 100
"""Steps between two looks, at least, where nothing is given."""
SHARE = 0.02
"""Looks may take this share of the time, unless their interval is given."""
ASKED_EVERY = 10
"""Looks from one in which the discriminator is asked about borders and noise to the next."""


@dataclass(frozen=True)
class Plan:
    """What the next step is to the doctor."""

    due: bool
    """A look follows it."""
    probes: bool
    """The look takes batches of its own, and compares fakes with real images."""
    asks: bool
    """The look measures how the loop is wired."""
    listens: bool
    """The nets' calls are listened to."""


@dataclass
class Rhythm:
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

    def plan(self, step: int, n_looks: int) -> Plan:
        """For step number `step`, after so many looks."""
        due = self._is_look(step)
        early = step <= FIRST_LOOKS[-1]
        stride = 8 if self.small else 2
        return Plan(
            due=due,
            probes=due and self._is_probe(step),
            asks=due and (n_looks < len(FIRST_LOOKS) or n_looks % ASKED_EVERY == 0),
            listens=due or early or step % stride == 0,
        )

    @contextmanager
    def look(self, step: int) -> Iterator[None]:
        """Around a look: its time counts."""
        begun = time.monotonic()
        yield
        self._last = step
        self._spent += time.monotonic() - begun

    def _is_look(self, step: int) -> bool:
        if callable(self.every):
            return self.every(step)
        if step in FIRST_LOOKS:
            return True
        if self.every is not None:
            return step % self.every == 0
        late = step - self._last >= EVERY
        return late and self._spent <= SHARE * (time.monotonic() - self._began)

    def _is_probe(self, step: int) -> bool:
        if self.probe is not None:
            return self.probe(step)
        if callable(self.every) or step >= FIRST_LOOKS[-1]:
            return True
        return self.every is not None and step % self.every == 0
