"""Replayed turns are the run's turns: bit for bit those without graphs, or none at all.

A stand-in takes the place of CUDA graphs, so that all of it but the recording itself is tested on
a CPU: it repeats a turn's arithmetic on the same memory, with every Python number that the turn
could have read as it was when it was recorded.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from test_training import assert_same, small

import saddlepoint as sp
from saddlepoint.core.config import Config
from saddlepoint.data.loader import DeviceData
from saddlepoint.training import graphs, steps
from saddlepoint.training.graphs import Graphs, Work
from saddlepoint.training.loop import iterate
from saddlepoint.training.state import TrainState


class StandIn:
    """A recording that repeats the turn by calling it."""

    made: ClassVar[list[StandIn]] = []

    def __init__(self, work: Work, state: TrainState) -> None:
        self.work, self.state = work, state
        self.frozen = (state.n_images, state.n_steps, *self._settings())
        self.outcome = work()
        self.gradients = [(p, p.grad) for p in self._parameters() if p.grad is not None]
        self.n_replays = 0
        StandIn.made.append(self)

    def _parameters(self) -> list[Any]:
        nets = (self.state.generator, self.state.discriminator)
        return [p for net in nets for p in net.parameters()]

    def _settings(self) -> list[Any]:
        groups = (self.state.optim_g.param_groups[0], self.state.optim_d.param_groups[0])
        return [{name: g[name] for name in ("lr", "betas") if name in g} for g in groups]

    def _python(self, numbers: tuple[Any, ...]) -> None:
        self.state.n_images, self.state.n_steps = numbers[:2]
        self.state.optim_g.param_groups[0].update(numbers[2])
        self.state.optim_d.param_groups[0].update(numbers[3])

    def replay(self) -> None:
        self.n_replays += 1
        now = (self.state.n_images, self.state.n_steps, *self._settings())
        self._python(self.frozen)
        fresh = self.work()
        self._python(now)
        self.outcome.fake.copy_(fresh.fake)
        self.outcome.values.copy_(fresh.values)
        for parameter, gradient in self.gradients:
            gradient.copy_(parameter.grad)


@pytest.fixture(autouse=True)
def forget() -> None:
    StandIn.made = []


def rates_as_tensors(state: TrainState) -> TrainState:
    """As optimisers have them on a GPU."""
    for optimizer in (state.optim_g, state.optim_d):
        for group in optimizer.param_groups:
            group["lr"] = torch.tensor(group["lr"])
    return state


def stand_ins(state: TrainState, config: Config) -> Graphs:
    return Graphs(state, config, lambda: lambda work: StandIn(work, state))


def trained(config: Config, n: int, with_graphs: bool, eager: tuple[int, ...] = ()) -> Any:
    """The state and the means of each step; steps in `eager` are not replayed."""
    dataset = config.source.open()
    state = rates_as_tensors(TrainState.new(config, dataset.spec))
    data = DeviceData(dataset, "cpu", config.seed)
    made = stand_ins(state, config) if with_graphs else None
    rows = []
    for step in range(n):
        sums = steps.Sums()
        iterate(state, config, data, sums, None if step in eager else made)
        sums.add("grad_norm_d", steps.gradient_norm(state.discriminator))
        sums.add("grad_norm_g", steps.gradient_norm(state.generator))
        rows.append(sums.take())
    return state, rows


RECIPES: dict[str, dict[str, Any]] = {
    "dcgan": {"arch__dropout": 0.3, "train__instance_noise": 0.1, "augment__mirror": True},
    "dcgan-r1": {"penalties": [{"kind": "r1", "every": 3}, {"kind": "r2", "every": 2}]},
    "wgan-gp": {"train__n_critic": 3},
    "wgan": {"train__n_critic": 2},
    "cgan-every-layer": {"augment__translation": 0.1, "augment__cutout": 0.3},
    "gan": {"train__accumulate": 2},
    "r3gan": {},
}


@pytest.mark.parametrize("name", RECIPES)
def test_replayed_steps_have_the_bits_of_eager_ones(name: str) -> None:
    # A short budget: rates, noise and the average's weight change at every step.
    config = small(name, train__kimg=0.3, **RECIPES[name])
    eager, eager_rows = trained(config, 8, with_graphs=False)
    replayed, rows = trained(config, 8, with_graphs=True, eager=(4,))
    assert_same(eager, replayed)
    assert rows == eager_rows
    assert sum(one.n_replays for one in StandIn.made) >= 6


def test_there_is_one_graph_a_set_of_penalties_with_and_without_the_generator() -> None:
    every_third = [{"kind": "r1", "every": 3}]
    trained(small("dcgan-r1", penalties=every_third, train__n_critic=2), 9, with_graphs=True)
    assert len(StandIn.made) == 4
    assert sum(one.n_replays for one in StandIn.made) == 2 * 9 - 2  # not the first of each player


def test_an_optimisers_first_step_is_not_recorded() -> None:
    """It makes the optimiser's state, in memory that a graph would make anew at each replay."""
    trained(small("gan"), 1, with_graphs=True)
    assert StandIn.made == []


def test_recording_leaves_the_state_and_the_random_numbers_alone() -> None:
    config = small("dcgan", arch__dropout=0.3)
    state, _ = trained(config, 1, with_graphs=False)
    before, expected = trained(config, 1, with_graphs=False)[0], torch.get_rng_state()
    data = DeviceData(config.source.open(), "cpu", config.seed)
    given = steps.draw(state, config, data)
    stand_ins(state, config)._try(given, ((), True))
    assert_same(state, before)
    assert torch.equal(torch.get_rng_state(), expected)
    for optimizer, other in ((state.optim_g, before.optim_g), (state.optim_d, before.optim_d)):
        for mine, theirs in zip(optimizer.state.values(), other.state.values(), strict=True):
            assert all(torch.equal(mine[key], theirs[key]) for key in theirs)


def test_what_cannot_be_recorded_is_said_once_and_trained_eagerly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = small("dcgan-r1")
    dataset = config.source.open()
    state = rates_as_tensors(TrainState.new(config, dataset.spec))
    data = DeviceData(dataset, "cpu", config.seed)

    def refuse(work: Work) -> Any:
        work()  # a recording may fail half-way, with weights moved
        state.discriminator.requires_grad_(False)
        raise RuntimeError("operation not permitted when stream is capturing\nmore lines")

    made = Graphs(state, config, lambda: refuse)
    with caplog.at_level(logging.WARNING, logger="saddlepoint"):
        for _ in range(5):
            iterate(state, config, data, steps.Sums(), made)
    assert_same(state, trained(config, 5, with_graphs=False)[0])
    assert [record.getMessage() for record in caplog.records] == [
        "Training without CUDA graphs, which is slower: "
        "operation not permitted when stream is capturing"
    ]


def test_graphs_are_for_a_gpu_and_can_be_turned_off() -> None:
    config = small("gan")
    state = TrainState.new(config, config.source.open().spec)
    assert config.train.graphs == "auto"
    assert Graphs.of(state, config) is None


# -- a whole run ----------------------------------------------------------------------------


@pytest.fixture
def replaying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs on the CPU replay as runs on a GPU do."""
    kept = TrainState.new.__func__  # type: ignore[attr-defined]

    def new(cls: type[TrainState], *given: Any) -> TrainState:
        return rates_as_tensors(kept(cls, *given))

    def of(state: TrainState, config: Config, pause: Any) -> Graphs:
        return Graphs(state, config, lambda: lambda work: StandIn(work, state), pause)

    monkeypatch.setattr(TrainState, "new", classmethod(new))
    monkeypatch.setattr(graphs.Graphs, "of", of)


def tiny_run(out: Path, **changes: Any) -> sp.Run:
    fixed = {
        "arch.generator_widths": [16],
        "arch.discriminator_widths": [16],
        "train.precision": "fp32",
        "train.batch_size": 16,
        "train.tick_kimg": 0.16,
        "train.sample_kimg": 0.32,
    }
    return sp.train("gan", "digits", kimg=0.64, out=out, changes=fixed | changes, quiet=True)


@pytest.mark.usefixtures("replaying")
def test_the_doctor_checks_eager_steps_and_the_others_are_replayed(tmp_path: Path) -> None:
    watched = tiny_run(tmp_path / "watched")
    n_replays = sum(one.n_replays for one in StandIn.made)
    assert n_replays == 40 - 4 - 1  # four ticks, and the optimisers' first step
    checked = watched.history.rows
    assert len(checked) == 4
    assert all("update_ratio_d" in row and "loss_d" in row for row in checked)
    unwatched = tiny_run(tmp_path / "unwatched", **{"doctor.mode": "off"})
    assert final(watched) == final(unwatched)


@pytest.mark.usefixtures("replaying")
def test_a_replayed_run_that_is_resumed_ends_with_the_bits_of_one_never_stopped(
    tmp_path: Path,
) -> None:
    whole = tiny_run(tmp_path / "whole")
    part = tiny_run(tmp_path / "part")
    for folder in part.checkpoints[1:]:  # as if it had been killed in the middle
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    sp.resume(part.path, kimg=0.64, quiet=True)
    assert final(part) == final(whole)


def final(run: sp.Run) -> dict[str, bytes]:
    names = ("generator", "discriminator", "ema", "optim")
    return {name: (run.checkpoints[-1] / f"{name}.safetensors").read_bytes() for name in names}
