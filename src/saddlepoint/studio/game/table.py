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
"""Of moves in one answer. A game that is far behind comes nearer with each of them."""


@dataclass
class Table:
    """Plays for all tabs; safe to call from any thread."""

    _games: OrderedDict[str, Game] = field(default_factory=OrderedDict)
    _asked: dict[str, float] = field(default_factory=dict)
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
            game.follow(script, at, SECONDS)
            self._games[name] = game
            self._games.move_to_end(name)
            self._asked[name] = time.monotonic()
            self._drop()
            return frame(game, measure, label)

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
