"""What the page of the game needs to know once: every setting with its default, and the breaks."""

from __future__ import annotations

import dataclasses
from typing import Any

from saddlepoint.core import registry
from saddlepoint.studio.game.breaks import BREAKS
from saddlepoint.studio.game.drawn import MOST_POINTS
from saddlepoint.studio.game.script import MOST_MOVES
from saddlepoint.studio.game.setup import FIXED, Setup


def form() -> dict[str, Any]:
    """Plain JSON values."""
    losses = registry.names("loss")
    return {
        "defaults": dataclasses.asdict(Setup()),
        "fixed": list(FIXED),
        "losses": losses,
        "clips": [name for name in losses if "clip" in _fields(registry.get("loss", name))],
        "breaks": [dataclasses.asdict(one) for one in BREAKS],
        "most_moves": MOST_MOVES,
        "most_points": MOST_POINTS,
    }


def _fields(kind: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}
