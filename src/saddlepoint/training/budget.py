"""Turns minutes into images and images into minutes, by a short measured warm-up on a copy that is
thrown away."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.ranks import here
from saddlepoint.data.loader import DeviceData
from saddlepoint.training.beside import seconds_beside
from saddlepoint.training.device import cuda_stream, synchronize
from saddlepoint.training.graphs import Graphs
from saddlepoint.training.loop import iterate
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums
from saddlepoint.training.threads import SharedCores

_UNTIMED_STEPS = 3
_WARM_UP_SECONDS = 2.0
_WARM_UP_SHARE = 0.03
"""Of a budget's steps, where nobody has asked for a warm-up."""
_DOCTOR = 0.02
"""What the doctor adds to the steps, which are timed without it."""


def for_minutes(
    config: Config, dataset: Dataset, minutes: float, started: float
) -> tuple[Config, float]:
    """The configuration with `kimg` set to what this machine can do in `minutes`.

    The measured steps belong to no run: the run starts from its seed afterwards, and a resumed run
    keeps the recorded budget, so both stay deterministic.

    Args:
        minutes: wall clock from `started` (time.monotonic()) to the end of the run.

    Returns:
        The configuration, and the measured images per second.
    """
    budget = minutes * 60
    rate = images_per_second(config, dataset, min(20.0, max(1.5, 0.05 * budget)))
    left = budget - (time.monotonic() - started)
    # How many pictures there will be depends on the budget in images.
    guess = _with_budget(config, rate * left, minutes)
    left = here().told(max(1.0, left - seconds_beside(guess, dataset)))
    return _with_budget(config, rate * left / (1 + _DOCTOR), minutes), rate


def _with_budget(config: Config, n_images: float, minutes: float) -> Config:
    images_per_step = config.train.batch_size * config.train.n_critic
    kimg = max(images_per_step, int(n_images)) / 1000
    # A round number is easier to repeat in another run.
    kimg = float(int(kimg)) if kimg >= 1 else kimg
    return replace(config, train=replace(config.train, kimg=kimg, minutes=minutes))


def expected_seconds(
    config: Config, dataset: Dataset, rate: float | None = None, begun: int = 0
) -> float | None:
    """From `begun` images to the end of the run, its report included.

    Args:
        rate: images per second; None: from a warm-up of at most three steps in a hundred.

    Returns:
        None where the budget is too short for such a warm-up.
    """
    n_images = config.train.total_images - begun
    if rate is None:
        images_per_step = config.train.batch_size * config.train.n_critic
        most = int(_WARM_UP_SHARE * n_images / images_per_step)
        if most < _untimed_steps(config) + _round(config):
            return None
        rate = images_per_second(config, dataset, _WARM_UP_SECONDS, most)
    return n_images / rate * (1 + _DOCTOR) + seconds_beside(config, dataset, begun)


def images_per_second(
    config: Config, dataset: Dataset, seconds: float, most_steps: float = math.inf
) -> float:
    """Real images per second through the training step alone, measured for about `seconds`.

    Args:
        most_steps: no more steps than these, the untimed ones included; at least one round is.
    """
    with cuda_stream(config.train.device), SharedCores(config.train) as cores:
        state = TrainState.new(config, dataset.spec)
        data = DeviceData(dataset, config.train.device, config.seed)
        sums, graphs = Sums(), Graphs.of(state, config)
        for _ in range(_untimed_steps(config)):
            iterate(state, config, data, sums, graphs)
        # An accelerator runs behind: without waiting for it the steps above would be timed too.
        synchronize(config.train.device)
        way, first, begun = cores.way, state.n_images, time.monotonic()
        ranks = here()
        while True:
            for _ in range(_round(config)):
                iterate(state, config, data, sums, graphs)
            synchronize(config.train.device)
            cores.check()
            passed = time.monotonic() - begun
            if ranks.told(passed >= seconds or state.n_steps + _round(config) > most_steps):
                return ranks.told((state.n_images - first) / passed)
            if cores.way != way:  # time the way that was chosen, not the trials
                way, first, begun = cores.way, state.n_images, time.monotonic()


def _untimed_steps(config: Config) -> int:
    """The first steps pay for kernel selection and memory. Graphs are recorded in the first ones
    with and without each penalty."""
    return _UNTIMED_STEPS + (2 * _rarest(config) if Graphs.wanted(config) else 0)


def _round(config: Config) -> int:
    """Steps with each lazy penalty as often as in all others; enough for the one synchronisation
    not to count."""
    return max(4, _rarest(config))


def _rarest(config: Config) -> int:
    return max((penalty.every for penalty in config.penalties), default=1)
