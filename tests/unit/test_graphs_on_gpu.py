"""The recording itself, where there is a GPU: `pytest tests/unit/test_graphs_on_gpu.py`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from test_graphs import RECIPES
from test_training import assert_same, small
from torch import Tensor

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.data.loader import DeviceData
from saddlepoint.losses.classic import NonSaturating
from saddlepoint.training import steps
from saddlepoint.training.device import cuda_stream
from saddlepoint.training.graphs import Graphs
from saddlepoint.training.loop import iterate
from saddlepoint.training.state import TrainState

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(autouse=True)
def stream() -> Iterator[None]:
    with cuda_stream("cuda"):
        yield


def trained(config: Config, n: int, with_graphs: bool = True) -> tuple[TrainState, Graphs]:
    dataset = config.source.open()
    state = TrainState.new(config, dataset.spec)
    data = DeviceData(dataset, "cuda", config.seed)
    graphs, sums = Graphs.of(state, config), steps.Sums()
    assert graphs is not None
    for step in range(n):
        # Some steps are eager in any case, as those that the doctor checks are.
        iterate(state, config, data, sums, graphs if with_graphs and step % 5 else None)
    return state, graphs


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", RECIPES)
def test_replayed_steps_have_the_bits_of_eager_ones(name: str, precision: str) -> None:
    changes = {"train__device": "cuda", "train__kimg": 0.3, "train__precision": precision}
    config = small(name, **changes, **RECIPES[name])
    replayed, graphs = trained(config, 14)
    assert graphs.gave_up == ""
    assert graphs._recordings
    assert_same(replayed, trained(config, 14, with_graphs=False)[0])


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_no_step_waits_for_the_device() -> None:
    config = small("cgan-every-layer", train__device="cuda")
    dataset = config.source.open()
    state, sums = TrainState.new(config, dataset.spec), steps.Sums()
    data = DeviceData(dataset, "cuda", config.seed)
    graphs = Graphs.of(state, config)
    for _ in range(3):
        iterate(state, config, data, sums, graphs)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(20):
            iterate(state, config, data, sums, graphs)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@dataclass(frozen=True, kw_only=True)
class ReadsANumber(NonSaturating):
    """A loss whose Python depends on a number of the device."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        assert bool(fake_logits.mean() < 1e6)
        return super().discriminator(real_logits, fake_logits)


@dataclass(frozen=True, kw_only=True)
class FailsInARecording(NonSaturating):
    """A loss with an operation that only a recording refuses."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        if torch.cuda.is_current_stream_capturing():
            torch.cuda.synchronize()
        return super().discriminator(real_logits, fake_logits)


@pytest.mark.parametrize("loss", [ReadsANumber(), FailsInARecording()])
def test_a_loss_that_cannot_be_recorded_is_trained_eagerly(
    loss: AdversarialLoss, caplog: pytest.LogCaptureFixture
) -> None:
    config: Any = small("dcgan", train__device="cuda", arch__dropout=0.3)
    plain, _ = trained(config, 8, with_graphs=False)
    with caplog.at_level(logging.WARNING, logger="saddlepoint"):
        other, graphs = trained(replace(config, loss=loss), 8)
    assert graphs.gave_up
    assert len(caplog.records) == 1
    assert_same(other, plain)
