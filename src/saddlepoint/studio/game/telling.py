"""One sentence for each player's step: what just happened, and why. The numbers decide which.

A sentence is a key of the studio's texts (`game.said-...`) and the numbers that it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.diagnosis.signals.weights import clip_share
from saddlepoint.studio.game.play import Game, View
from saddlepoint.studio.game.script import Kind

SURE, BLIND = 0.99, 0.6
"""Share of pairs in which the real point has the higher output: from here on the discriminator is
sure; below, it guesses; below one minus that, it is wrong."""
FLAT = 0.02
"""Median slope of the generator's loss, below which its points hardly learn where to go."""
NARROW = 0.1
"""Spread of the generated points as a share of the data's, below which they are all alike."""
FAR = 0.25
"""Mean distance that a point moves in a step, as a share of the data's spread, that is a jump."""


@dataclass(frozen=True)
class Sentence:
    """What a step did (`what`), and why (`why`): keys, and the numbers in both."""

    what: str
    why: str
    values: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "why": self.why, "values": self.values}


def is_probability(loss: AdversarialLoss) -> bool:
    """Whether the discriminator's output is the logit of a probability to be real."""
    return torch.logit in loss.forms


def told(game: Game, now: View, pulls: Tensor) -> list[Sentence]:
    """The sentences of the newest move: of the discriminator, of the generator, or of both.

    Args:
        now: what there is after it; `game.before` is what there was.
        pulls: where the generated points are pushed, [n, 2].
    """
    before, kind = game.before, game.newest
    if before is None or kind is None:
        return []
    # The discriminator stepped first: what it makes of the points that it was shown.
    middle = game.judged(before.points)
    players: dict[Kind, list[Sentence]] = {
        "d": [_discriminator(game, before, now.real, middle)],
        "g": [_generator(game, before, middle, now, pulls)],
    }
    return players.get(kind) or [*players["d"], *players["g"]]


def _discriminator(game: Game, before: View, real: Tensor, fake: Tensor) -> Sentence:
    score = torch.sigmoid if is_probability(game.config.loss) else torch.clone
    values = {
        "n": float(game.setup.batch),
        "real_before": _mean(score(before.real)),
        "real": _mean(score(real)),
        "fake_before": _mean(score(before.fake)),
        "fake": _mean(score(fake)),
    }
    what = "d-probability" if is_probability(game.config.loss) else "d-score"
    right = auc(real, fake)
    values["right"] = right
    if game.config.loss.clips:
        share = clip_share(game.state.discriminator).get("clip_share", 0.0)
        return Sentence(what, "d-clipped", {**values, "clip": game.setup.clip, "share": share})
    if right >= SURE:
        return Sentence(what, "d-sure", values)
    if right < 1 - BLIND:
        return Sentence(what, "d-fooled", values)
    if right < BLIND:
        return Sentence(what, "d-blind", values)
    if game.setup.gp:
        return Sentence(what, "d-penalty", {**values, "target": game.setup.target})
    return Sentence(what, "d-r1" if game.setup.r1 else "d-free", values)


def _generator(game: Game, before: View, middle: Tensor, now: View, pulls: Tensor) -> Sentence:
    score = torch.sigmoid if is_probability(game.config.loss) else torch.clone
    size = spread(game.real)
    moved = _mean((now.points - before.points).norm(dim=1))
    slope = float(pulls.norm(dim=1).median())
    values = {"moved": moved, "before": _mean(score(middle)), "after": _mean(score(now.fake))}
    values["slope"] = slope
    what = "g-probability" if is_probability(game.config.loss) else "g-score"
    if slope < FLAT:
        return Sentence(what, "g-flat", values)
    if moved > FAR * size:
        return Sentence(what, "g-jump", values)
    if spread(now.points) < NARROW * size:
        return Sentence(what, "g-narrow", values)
    fell = values["after"] < values["before"]
    return Sentence(what, "g-fell" if fell else "g-climbed", values)


def auc(real: Tensor, fake: Tensor) -> float:
    """Share of pairs in which the real point has the higher output; ties count one half."""
    gap = real[:, None] - fake[None]
    return _mean((gap > 0).float() + (gap == 0).float() / 2)


def spread(points: Tensor) -> float:
    """Root of the mean squared distance of points [n, 2] to their mean."""
    return float((points - points.mean(0)).square().sum(1).mean().sqrt())


def _mean(values: Tensor) -> float:
    return float(values.mean())
