"""Turns minutes into images, by a short measured warm-up on a copy that is thrown away."""

from __future__ import annotations

import time
from dataclasses import replace

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.ranks import here
from saddlepoint.data.loader import DeviceData
from saddlepoint.training.device import cuda_stream, synchronize
from saddlepoint.training.graphs import Graphs
from saddlepoint.training.loop import iterate
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums
from saddlepoint.training.threads import SharedCores

_UNTIMED_STEPS = 3  # the first steps pay for kernel selection and memory
_FOR_STEPS = 0.96  # share of the time; the rest goes to pictures, checkpoints and the report


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
    left = here().told(max(1.0, budget - (time.monotonic() - started)))
    images_per_step = config.train.batch_size * config.train.n_critic
    kimg = max(images_per_step, int(rate * left * _FOR_STEPS)) / 1000
    # A round number is easier to repeat in another run.
    kimg = float(int(kimg)) if kimg >= 1 else kimg
    return replace(config, train=replace(config.train, kimg=kimg, minutes=minutes)), rate


def images_per_second(config: Config, dataset: Dataset, seconds: float) -> float:
    """Real images per second through the training step alone, measured for about `seconds`."""
    with cuda_stream(config.train.device), SharedCores(config.train) as cores:
        state = TrainState.new(config, dataset.spec)
        data = DeviceData(dataset, config.train.device, config.seed)
        sums, graphs = Sums(), Graphs.of(state, config)
        # Graphs are recorded in the first steps with and without each penalty: none is timed.
        rarest = max((penalty.every for penalty in config.penalties), default=1)
        for _ in range(_UNTIMED_STEPS + (2 * rarest if graphs else 0)):
            iterate(state, config, data, sums, graphs)
        # An accelerator runs behind: without waiting for it the steps above would be timed too.
        synchronize(config.train.device)
        way, first, begun = cores.way, state.n_images, time.monotonic()
        ranks = here()
        while ranks.told(time.monotonic() - begun < seconds):
            for _ in range(4):  # enough for the one synchronisation not to count
                iterate(state, config, data, sums, graphs)
            synchronize(config.train.device)
            cores.check()
            if cores.way != way:  # time the way that was chosen, not the trials
                way, first, begun = cores.way, state.n_images, time.monotonic()
        return ranks.told((state.n_images - first) / (time.monotonic() - begun))
