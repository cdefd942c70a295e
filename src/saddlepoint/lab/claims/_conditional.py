"""Conditional models that differ in how the label enters and in nothing else."""

from __future__ import annotations

from typing import Any

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.texts import Text
from saddlepoint.lab.claims._base import Work

WAYS = ("onehot", "embedding", "every-layer")
WAY_NAMES = {
    "none": Text(en="no label", vi="không có nhãn"),
    "onehot": Text(en="one-hot", vi="one-hot"),
    "embedding": Text(en="embedding", vi="embedding"),
    "every-layer": Text(en="every layer", vi="mọi lớp"),
}
WRONG_LABELS = 0.25
"""Share of wrong labels among the discriminator's fakes, the same for every way."""


def conditional(
    work: Work, way: str, kimg: float, width: int, data: str = "", **changes: Any
) -> Config:
    """A small DCGAN whose label enters by `way`, under one recipe.

    Args:
        width: of both nets' narrowest stage.
        data: in place of the claim's own.
        changes: more fields, with two underscores for the dot: `train__tick_kimg=1`.
    """
    fields = {
        "arch.conditioning": way,
        "arch.generator_width": width,
        "arch.discriminator_width": width,
        "arch.full_resolution": False,
        "train.wrong_label_fraction": 0.0 if way == "none" else WRONG_LABELS,
    }
    fields |= {name.replace("__", "."): value for name, value in changes.items()}
    # One preset for all, so that latent, optimisers and schedule are the same.
    return api.configure(
        "cgan-embedding", data or work.data, seed=work.seed, kimg=kimg, changes=fields
    )
