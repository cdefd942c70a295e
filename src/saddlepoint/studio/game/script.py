"""The moves of a game, and the text that holds a whole game: what a URL carries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import parse_qsl

from saddlepoint.core.errors import InputError
from saddlepoint.studio.game.setup import FIXED, Setup

Kind = Literal["d", "g", "b"]
"""Who plays: the discriminator, the generator, or both in turn."""

MOST_MOVES = 10_000
MOST_TEXT = 20_000
"""Characters of a game's text."""
_COUNTED = re.compile(rf"([{''.join(get_args(Kind))}])([1-9]\d{{0,4}})")


@dataclass(frozen=True)
class Stretch:
    """Moves of one kind under one setup."""

    kind: Kind
    n: int
    setup: Setup


@dataclass(frozen=True)
class Script:
    """All that decides a game: its setup, and what was pressed."""

    first: Setup
    stretches: tuple[Stretch, ...]
    last: Setup
    """In force after the last move."""

    @property
    def n_moves(self) -> int:
        return sum(stretch.n for stretch in self.stretches)

    def setup_at(self, at: int) -> Setup:
        """In force once `at` moves are made."""
        for stretch in self.stretches:
            if at < stretch.n:
                return stretch.setup
            at -= stretch.n
        return self.last

    def kind_at(self, at: int) -> Kind:
        """Who makes the move after `at` others."""
        for stretch in self.stretches:
            if at < stretch.n:
                return stretch.kind
            at -= stretch.n
        raise IndexError(at)

    def common(self, other: Script) -> int:
        """How many first moves are the same in both; -1 where the games begin differently."""
        if any(getattr(self.first, name) != getattr(other.first, name) for name in FIXED):
            return -1
        same = 0
        for one, two in zip(self.stretches, other.stretches, strict=False):
            if (one.kind, one.setup) != (two.kind, two.setup):
                break
            same += min(one.n, two.n)
            if one.n != two.n:
                break
        return same


def read_script(text: str) -> Script:
    """`data=ring8&seed=3&loss=hinge&moves=b200,lr_d=0.01,d3` -> a game.

    `moves` has `b200` for 200 moves of both players, `d` and `g` for one of them, and
    `field=value` where a setting was changed.

    Raises:
        InputError: what is wrong, and where.
    """
    if len(text) > MOST_TEXT:
        raise InputError(f"A game's text has at most {MOST_TEXT:,} characters.")
    fields = dict(parse_qsl(text, keep_blank_values=True))
    moves = fields.pop("moves", "")
    first = setup = Setup().with_texts(fields)
    stretches: list[Stretch] = []
    for press in moves.split(",") if moves else ():
        counted = _COUNTED.fullmatch(press)
        name, is_change, value = press.partition("=")
        if counted is not None:
            kind: Kind = counted[1]  # type: ignore[assignment]  # by the pattern
            stretches = _joined(stretches, Stretch(kind, int(counted[2]), setup))
        elif is_change and name not in FIXED:
            setup = setup.with_texts({name: value})
        elif is_change:
            raise InputError(f"moves: {name} cannot change once a game has begun; start another.")
        else:
            raise InputError(f"moves: {press[:40]!r} is not a move; write b10, d1 or lr_d=0.01.")
    script = Script(first, tuple(stretches), setup)
    if script.n_moves > MOST_MOVES:
        raise InputError(f"A game has at most {MOST_MOVES:,} moves; start another from its seed.")
    return script


def _joined(stretches: list[Stretch], new: Stretch) -> list[Stretch]:
    """Equal moves in a row are one stretch, so that `b1,b1` is the game `b2`."""
    if stretches and (stretches[-1].kind, stretches[-1].setup) == (new.kind, new.setup):
        return [*stretches[:-1], Stretch(new.kind, stretches[-1].n + new.n, new.setup)]
    return [*stretches, new]
