"""The loop of every rank but the first, which alone looks, writes and decides."""

from __future__ import annotations

from collections.abc import Sequence

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.documents import Budget
from saddlepoint.core.errors import Interrupted
from saddlepoint.core.ranks import here
from saddlepoint.data.loader import DeviceData
from saddlepoint.training import loop
from saddlepoint.training.device import cuda_stream
from saddlepoint.training.interrupt import StopRequest
from saddlepoint.training.rows import tick_row
from saddlepoint.training.schedule import Schedule, crossed
from saddlepoint.training.stages import stages
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums


def follow(config: Config, budgets: Sequence[Budget], dataset: Dataset, state: TrainState) -> None:
    """The steps of `treatment.train`, for each budget that is left.

    Args:
        budgets: as config.json has them.

    Raises:
        Interrupted: any rank was asked to stop.
        OutOfMemory: a step needs more memory than there is.
        RunFailed: another rank has ended, or is missed.
    """
    with StopRequest() as stop, cuda_stream(config.train.device):
        for stage in stages(budgets, config, state.n_images):
            _follow(stage.config, dataset, state, stop)


def _follow(config: Config, dataset: Dataset, state: TrainState, stop: StopRequest) -> None:
    """As `loop.train`; at each tick rank 0 says whether it was the last."""
    ranks, total = here(), config.train.total_images
    schedule, sums = Schedule.of(config), Sums()
    data = DeviceData(dataset, config.train.device, config.seed)
    loop.begin_together(state)
    done = ranks.told(None)
    while not done:
        if ranks.any(stop.requested):
            raise Interrupted("Rank 0 saves.")
        before = state.n_images
        outcome = loop.attempt(state, config, data, sums)
        assert not isinstance(outcome, str)  # which several ranks raise
        real, fake = outcome
        if state.n_images >= total or crossed(before, state.n_images, schedule.tick):
            tick_row(state, config, real, fake, sums)
            done = ranks.told(None)
