"""Words that processes leave for each other in the store of `torchrun`.

A rank that is missed is named. So whoever ends says why in the store, and whoever finds that a
collective fails says that it is still there.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.distributed.distributed_c10d import Store

from saddlepoint.core.errors import InputError, Interrupted, OutOfMemory, RunFailed
from saddlepoint.core.json_files import dumps, parse
from saddlepoint.core.rank_member import Member

_BETWEEN_LOOKS = 0.5
"""Seconds in which one who waits does not look whether the other is still there."""
_ROLL_CALL = 5.0
"""Seconds in which each rank that is left says so."""


class Missed(RunFailed):
    """A rank is dead, hangs or has ended; `speaker` is the one that says so."""

    def __init__(self, sentence: str, speaker: int) -> None:
        super().__init__(sentence)
        self.speaker = speaker


_KINDS = {
    "InputError": InputError,
    "Interrupted": Interrupted,
    "KeyboardInterrupt": Interrupted,
    "Stopped": Interrupted,
    "OutOfMemory": OutOfMemory,
}
"""What the ending of one rank is to the others; anything else is a run that failed."""


class Words:
    """What this process says to the others, and hears from them.

    Args:
        store: where they leave words for each other.
        seconds: how long one waits for the others.
    """

    go_on: str
    """What to do once a rank is missed."""

    def __init__(self, store: Store, rank: int, size: int, seconds: float) -> None:
        self.rank, self.size, self.seconds = rank, size, seconds
        self._store = store
        me = [os.getpid(), socket.gethostname()]
        store.set(f"member/{rank}", dumps(me))
        self._members = [Member(0, "")] * size
        self._members = [Member(*self._word(f"member/{r}", r)) for r in range(size)]

    def name(self, rank: int) -> str:
        pid, host = self._members[rank]
        return f"rank {rank} (process {pid} on {host})"

    def end(self, error: BaseException | None) -> None:
        """Leave word of how this rank ends."""
        kind = "" if error is None else type(error).__name__
        said = {"kind": kind, "sentence": "" if error is None else str(error)}
        with self._together():
            self._store.set(f"ended/{self.rank}", dumps(said))

    def ended(self, rank: int) -> dict[str, Any] | None:
        """How a rank has ended; None while it has not."""
        key = f"ended/{rank}"
        try:
            return parse(self._store.get(key), key) if self._store.check([key]) else None
        except RuntimeError:  # the store has ended, too
            return None

    def outlasted(self, rank: int) -> dict[str, Any] | None:
        """Wait until a rank has ended, and say how; None where nobody knows."""
        try:
            return self._word(f"ended/{rank}", rank, self.seconds)
        except (RunFailed, InputError, Interrupted):
            return None

    def heard(self) -> None:
        """Nothing more is asked of the store."""
        with self._together():
            self._store.set(f"heard/{self.rank}", "")

    def wait_for_others(self) -> None:
        """Until all have heard what they want to, for a few seconds."""
        deadline = time.monotonic() + _ROLL_CALL
        others = [rank for rank in range(self.size) if rank != self.rank]
        while time.monotonic() < deadline and not all(
            self._has(f"heard/{rank}") or self._members[rank].is_dead for rank in others
        ):
            time.sleep(0.02)

    def _word(self, key: str, rank: int, seconds: float | None = None) -> Any:
        """What a rank has left under a key; waits for it, but not for a rank that has ended."""
        begun = looked = time.monotonic()
        # Short sleeps, not the store's own wait: signals are heard between them.
        while not self._has(key):
            now = time.monotonic()
            time.sleep(0.001 if now - begun < 0.5 else 0.05)
            if now - looked > _BETWEEN_LOOKS:
                looked = now
                gone = self.ended(rank) or self._members[rank].is_dead
                late = seconds is not None and now - begun > seconds
                if (gone or late) and not self._has(key):
                    raise self._absence({rank})
        with self._together():
            return parse(self._store.get(key), key)

    def _has(self, key: str) -> bool:
        with self._together():
            return self._store.check([key])

    @contextmanager
    def _together(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise self._loss(error) from error

    def _loss(self, error: RuntimeError) -> Exception:
        """Who is missing: all ranks that are left come here, and say so."""
        missing = set(range(self.size)) - {self.rank}
        try:
            self._store.set(f"left/{self.rank}", "")
            deadline = time.monotonic() + _ROLL_CALL
            while missing and time.monotonic() < deadline:
                missing = {r for r in missing if not self._store.check([f"left/{r}"])}
                if any(self.ended(r) for r in missing):
                    break
                if missing and all(self._members[r].is_dead for r in missing):
                    break
                time.sleep(0.05)
        except RuntimeError:
            missing = set()
        if not missing:
            reason = str(error).strip().partition("\n")[0]
            sentence = f"The ranks lost their connection ({reason}); {self.go_on}"
            return Missed(sentence, speaker=0)
        return self._absence(missing)

    def _absence(self, missing: set[int]) -> Exception:
        """The exception that names ranks."""
        speaker = min(set(range(self.size)) - missing)
        for rank in sorted(missing):
            if ended := self.ended(rank):
                kind = _KINDS.get(ended["kind"], RunFailed)
                return kind(f"{self.name(rank)} ended: {ended['sentence'] or 'without a word'}")
        dead = {r for r in missing if self._members[r].is_dead}
        if dead:
            said = f"{', '.join(map(self.name, sorted(dead)))} died"
        else:
            who = ", ".join(map(self.name, sorted(missing)))
            said = f"{who} did not answer (SADDLE_RANK_TIMEOUT is {self.seconds:g} seconds)"
        return Missed(f"{said}; {self.go_on}", speaker)
