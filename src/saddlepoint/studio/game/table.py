"""The games that are being played: found by name, one move at a time, dropped when idle."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from saddlepoint.core.errors import InputError
from saddlepoint.studio.game.frame import frame
from saddlepoint.studio.game.play import Game
from saddlepoint.studio.game.script import read_script
from saddlepoint.studio.stream import DRAWING

MOST_GAMES = 8
"""In memory. One that was dropped is made again from its text."""
IDLE_SECONDS = 900.0
SECONDS = 0.25
"""Of moves in one answer to a far jump. The game comes nearer with each of them."""
PLAYED = 25
"""Moves ahead, at most, that a game is asked for while it is played."""
FRAME = 1 / 36
"""Seconds to make one answer of a game that is played, so that a viewer sees 30 a second."""


@dataclass
class Table:
    """Plays for all tabs; safe to call from any thread."""

    _games: OrderedDict[str, Game] = field(default_factory=OrderedDict)
    _asked: dict[str, float] = field(default_factory=dict)
    _costs: dict[str, float] = field(default_factory=dict)
    """Seconds that a frame takes beside its moves: the average of the last ones."""
    _lock: threading.Lock = field(default_factory=lambda: DRAWING)

    def play(
        self, name: str, text: str, at: int, measure: bool, label: int | None = None
    ) -> dict[str, Any]:
        """The frame of a game after `at` of its moves, or after as many as there was time for.

        Args:
            name: of the game, chosen by the tab that shows it.
            text: the whole game, as in `script.read_script`.

        Raises:
            InputError: a text that holds no game.
        """
        script = read_script(text)
        if not 8 <= len(name) <= 64:
            raise InputError("A game's name has 8 to 64 characters.")
        if not 0 <= at <= script.n_moves:
            raise InputError(f"at={at} lies outside the game's {script.n_moves} moves.")
        with self._lock:
            game = self._games.get(name) or Game(script)
            cost = self._costs.get(name, 0.0)
            # The moves of a large game get what its frames leave; the page shows the way there.
            is_played = at - game.at <= PLAYED
            game.follow(script, at, FRAME - cost if is_played else SECONDS)
            self._games[name] = game
            self._games.move_to_end(name)
            self._asked[name] = time.monotonic()
            self._drop()
            begun = time.perf_counter()
            shown = frame(game, measure, label)
            self._costs[name] = cost + (time.perf_counter() - begun - cost) / 4
            return shown

    def __len__(self) -> int:
        return len(self._games)

    def _drop(self) -> None:
        """Drop idle games, and those not asked for the longest where there are too many."""
        old = time.monotonic() - IDLE_SECONDS
        idle = [name for name in self._games if self._asked[name] < old]
        surplus = list(self._games)[: max(0, len(self._games) - MOST_GAMES)]
        for name in {*idle, *surplus}:
            self._games.pop(name).close()
            del self._asked[name]
            self._costs.pop(name, None)
