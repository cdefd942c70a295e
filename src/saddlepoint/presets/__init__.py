"""Presets: functions that return a whole Config, as places to start.

Their scores are in docs/benchmarks.md, measured by `bench/quality.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.registry import unknown
from saddlepoint.presets.conditional import (
    cgan_embedding,
    cgan_every_layer,
    cgan_onehot,
    cwgan_gp,
)
from saddlepoint.presets.modern import r3gan
from saddlepoint.presets.papers import cgan_paper, dcgan_paper, wgan_gp_paper, wgan_paper
from saddlepoint.presets.plain import (
    dcgan,
    dcgan_r1,
    gan,
    gan_minimax,
    gan_points,
    wgan,
    wgan_gp,
)

PRESETS: dict[str, Callable[[Source], Config]] = {
    preset.__name__.replace("_", "-"): preset
    for preset in (
        gan_minimax,
        gan,
        gan_points,
        dcgan,
        dcgan_r1,
        r3gan,
        wgan,
        wgan_gp,
        cgan_onehot,
        cgan_embedding,
        cgan_every_layer,
        cwgan_gp,
        dcgan_paper,
        wgan_paper,
        wgan_gp_paper,
        cgan_paper,
    )
}
"""Name on the command line -> function."""


def preset(name: str, source: Source) -> Config:
    """The named preset for this data.

    Raises:
        InputError: unknown name, with the nearest one.
    """
    if name not in PRESETS:
        raise InputError(unknown("preset", name, PRESETS))
    return PRESETS[name](source)
