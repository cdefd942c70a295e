"""What goes wrong in the doctor must not reach the loop that it watches."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class Detachable(Protocol):
    """What is detached from the loop when it fails."""

    n_steps: int

    def detach(self) -> None: ...


class Safety:
    """Runs what the hooks call for, one at a time, and detaches its owner at the first failure."""

    def __init__(self, owner: Detachable) -> None:
        self.owner = owner
        self.active = True
        self._busy = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Every hook does nothing in this context."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def __call__(self, action: Callable[..., None], *args: Any) -> None:
        """Call `action`, unless a hook hears the doctor's own passes through the nets."""
        if not self.active or self._busy:
            return
        self._busy = True
        try:
            action(*args)
        except Exception as error:  # the doctor's own failure, whatever it is
            self.owner.detach()
            reason = str(error).partition("\n")[0]
            warnings.warn(
                f"The doctor stopped watching after {self.owner.n_steps} steps, because it failed "
                f"itself ({type(error).__name__}: {reason}); training goes on untouched.",
                RuntimeWarning,
                stacklevel=2,
            )
        finally:
            self._busy = False
