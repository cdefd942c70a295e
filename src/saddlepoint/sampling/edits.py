"""Changes of samples before they are drawn: moves along directions, and shares of classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from saddlepoint.core.checks import in_range
from saddlepoint.core.errors import InputError
from saddlepoint.sampling.directions import Directions, principal_directions
from saddlepoint.sampling.sampler import Sampler
from saddlepoint.sampling.seeds import Labels, Seeds

FARTHEST_MOVE = 10.0
"""Standard deviations; far beyond what a generator was trained on."""
MOST_PARTS = 1000
DirectionsOf = Callable[[int | None], Directions]
"""Label (None of an unconditional model) -> all its principal directions."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Changes that hold for every sample of a picture.

    Raises:
        InputError: a move beyond FARTHEST_MOVE, or shares that are negative or all 0.
    """

    moves: Mapping[int, float] = field(default_factory=dict)
    """Number of a principal direction, from 1 -> standard deviations along it."""
    mix: Mapping[int, float] = field(default_factory=dict)
    """Class -> its share, in place of labels; they are divided by their sum. The directions are
    those of the class that stands first."""

    def __post_init__(self) -> None:
        for number, amount in self.moves.items():
            if not abs(amount) <= FARTHEST_MOVE:  # which does not hold for NaN either
                raise InputError(
                    f"--move {number}:{amount:g} must be between -{FARTHEST_MOVE:g} and "
                    f"{FARTHEST_MOVE:g} standard deviations."
                )
        if self.mix and not (
            all(0 <= share < math.inf for share in self.mix.values()) and sum(self.mix.values()) > 0
        ):
            given = ",".join(f"{label}:{share:g}" for label, share in self.mix.items())
            raise InputError(f"--mix {given}: shares are at least 0, and one of them is above 0.")


def edited(
    sampler: Sampler,
    seeds: Seeds,
    labels: Labels | None,
    edit: Edit,
    directions_of: DirectionsOf | None = None,
) -> tuple[Seeds, Labels | None]:
    """Seeds and labels after the changes, as `Sampler.images` takes them.

    Args:
        directions_of: for a caller that keeps them; None: they are found here.

    Raises:
        InputError: a direction or a class that the model does not have, a mix beside labels or for
            a model that cannot mix, or as `principal_directions`.
    """
    if edit.mix:
        if labels is not None:
            raise InputError("--labels and --mix were both given; choose one.")
        shares = _shares(sampler, edit.mix)
        labels = shares.repeat(len(seeds), 1)
    if not edit.moves:
        return seeds, labels
    find = directions_of or partial(principal_directions, sampler, sampler.generator.latent_dim)
    z = sampler.z_of(seeds)
    if edit.mix:
        return z + _move(find(next(iter(edit.mix))), edit.moves), labels
    chosen = sampler.labels_for(seeds, None if labels is None else [*map(int, labels)])
    if chosen is None:
        return z + _move(find(None), edit.moves), None
    moves = {label: _move(find(label), edit.moves) for label in set(chosen)}
    return z + torch.stack([moves[label] for label in chosen]), chosen


def _move(found: Directions, moves: Mapping[int, float]) -> Tensor:
    """What is added to z: float32 [latent_dim]."""
    vectors = torch.from_numpy(found.vectors)
    for number in moves:
        in_range(number, 1, len(vectors), "--move: the number of a direction")
    # In a fixed order, whatever order they were given in: sums of floats depend on it.
    return sum((moves[n] * vectors[n - 1] for n in sorted(moves)), torch.zeros(vectors.shape[1]))


def _shares(sampler: Sampler, mix: Mapping[int, float]) -> Tensor:
    """float32 [n_classes]."""
    if not (sampler.conditional and sampler.generator.mixes_labels):
        raise InputError(
            "--mix: this model cannot mix classes; that takes a conditional one, such as "
            "`saddle train cgan-every-layer` makes."
        )
    shares = torch.zeros(sampler.spec.n_classes)
    for label, share in mix.items():
        in_range(label, 0, sampler.spec.n_classes - 1, "--mix: the number of a class")
        shares[label] = share / sum(mix.values())
    return shares


def parse_parts(text: str, flag: str) -> dict[int, float]:
    """`1:2,3:-1.5` -> {1: 2.0, 3: -1.5}.

    Args:
        flag: `--move`; named in the errors.

    Raises:
        InputError: another form, a number that stands there twice, or more than a thousand parts.
    """
    parts: dict[int, float] = {}
    for part in text.replace(" ", "").split(",", MOST_PARTS):
        number, colon, amount = part.partition(":")
        try:
            if not (colon and number.isascii() and number.isdigit()):
                raise ValueError
            key, value = int(number[:18]), float(amount)
        except ValueError:
            raise InputError(
                f"{flag}: {part[:40]!r} is not a pair of a number and an amount; write {flag} "
                "1:0.5,3:2."
            ) from None
        if key in parts:
            raise InputError(f"{flag} names {key} twice; give each number once.")
        parts[key] = value
    return parts


def write_parts(parts: Mapping[int, float]) -> str:
    """What `parse_parts` reads."""
    return ",".join(f"{number}:{in_full(amount)}" for number, amount in parts.items())


def in_full(value: float) -> str:
    """The shortest text that is read as this very number: 2, 0.35."""
    return repr(float(value)).removesuffix(".0")
