"""Threads: as many as were asked for, and asleep while they wait where cores are shared."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from _forked import wait_until

import saddlepoint as sp
from saddlepoint.core.config import Train
from saddlepoint.core.files import sha256_of
from saddlepoint.core.provenance import read_config
from saddlepoint.training import device, threads
from saddlepoint.training.threads import PACK, SLEEP, SPIN, SharedCores

TINY = {
    "arch.generator_width": 8,
    "arch.discriminator_width": 8,
    "train.batch_size": 16,
    "train.n_samples": 4,
}


@pytest.fixture
def two_threads() -> Iterator[Train]:
    with threads.use(2):
        yield Train(device="cpu", threads=2)


class Clock:
    """Time, and the kernel's account of what threads waited for a core, as a test wants them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.queued = 0.0
        monkeypatch.setattr(threads, "_queued_seconds", lambda: self.queued)
        monkeypatch.setattr(threads.time, "monotonic", lambda: self.now)

    def window(self, cores: SharedCores, steps: int, queued: float = 1.0) -> bool:
        """A second with so many steps; returns what the last check of it did."""
        told = [cores.check() for _ in range(steps - 1)]
        assert not any(told)
        self.now += 1.0
        self.queued += queued
        return cores.check()


def test_the_fastest_way_to_share_cores_is_kept_and_tried_again(
    two_threads: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, before = Clock(monkeypatch), threading.active_count()
    everywhere = os.sched_getaffinity(0)
    with SharedCores(two_threads) as cores:
        assert not clock.window(cores, steps=90, queued=0.05)
        assert cores.way == SPIN  # cores of our own: nothing is tried
        assert clock.window(cores, steps=10)  # said once, when it begins
        assert cores.way == SLEEP
        assert threading.active_count() > before
        assert not clock.window(cores, steps=20)
        assert cores.way == PACK
        if len(everywhere) > 1:
            assert len(os.sched_getaffinity(0)) < len(everywhere)
        clock.window(cores, steps=15)
        assert cores.way == SLEEP  # the fastest of the three
        assert os.sched_getaffinity(0) == everywhere
        for _ in range(threads._WINDOWS_KEPT):
            assert cores.way == SLEEP
            clock.window(cores, steps=20)
        assert cores.way == SPIN  # tried again: the cores may be ours by now
        clock.window(cores, steps=90, queued=0.0)
        assert cores.way == SPIN
        for steps in (10, 15, 20):
            clock.window(cores, steps)
        assert cores.way == PACK
        clock.window(cores, steps=5)  # much slower than it was: no need to wait for the next trial
        assert cores.way == SPIN
        clock.window(cores, steps=10)
        assert cores.way == SLEEP
    wait_until(lambda: threading.active_count() == before, "a thread stays")
    assert os.sched_getaffinity(0) == everywhere


@pytest.mark.parametrize("train", [Train(device="cpu", threads=1), Train(device="cuda", threads=8)])
def test_without_a_team_on_the_processor_nothing_is_done(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    with SharedCores(train) as cores:
        assert not clock.window(cores, steps=10)
        assert cores.way == SPIN


@pytest.mark.skipif(sys.platform != "linux", reason="GNU OpenMP's way to wait")
def test_a_sleeping_thread_burns_no_processor_time(
    two_threads: Train,
) -> None:
    """Between two operations of the main thread the second thread of its team waits."""
    values = torch.zeros(2**18)

    def burnt() -> float:
        begun = time.process_time()
        for _ in range(60):
            values.add_(1)
            time.sleep(0.003)
        return time.process_time() - begun

    with SharedCores(two_threads) as cores:
        spinning = burnt()
        cores._switch(SLEEP)
        sleeping = burnt()
    assert sleeping < 0.5 * spinning


def test_how_threads_share_cores_changes_no_bit(two_threads: Train) -> None:
    gradients = []
    images, kernel = torch.randn(16, 8, 14, 14), torch.randn(16, 8, 3, 3, requires_grad=True)
    with SharedCores(two_threads) as cores:
        for way in (SPIN, SLEEP, PACK, SPIN):
            cores._switch(way)
            loss = torch.nn.functional.conv2d(images, kernel).square().mean()
            gradients.append(torch.autograd.grad(loss, kernel)[0])
    assert all(torch.equal(gradients[0], other) for other in gradients[1:])


def test_the_number_of_threads_is_recorded_and_kept_by_a_resume(tmp_path: Path) -> None:
    """Another number adds in another order: a resume elsewhere must not take that machine's."""
    seen: list[int] = []
    changes = {**TINY, "train.threads": 2}
    run = sp.train("dcgan", "digits", out=tmp_path / "r", kimg=0.1, changes=changes, quiet=True)
    assert run.document["resolved"]["threads"] == read_config(run).train.threads == 2
    assert torch.get_num_threads() == 1  # the caller's number is back

    def at_step(self: SharedCores) -> bool:
        seen.append(torch.get_num_threads())
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SharedCores, "check", at_step)
        sp.resume(run.path, kimg=0.2, quiet=True)
        assert set(seen) == {2}
        sp.resume(run.path, kimg=0.3, threads=1, quiet=True)
    assert seen[-1] == 1
    assert read_config(run).train.threads == 1


def test_automatic_threads_are_those_that_torch_takes_and_give_the_same_weights(
    tmp_path: Path,
) -> None:
    assert device.resolve(replace(Train(device="cpu"), threads=0)).threads == 1
    digests = []
    for name, given in (("auto", 0), ("one", 1)):
        changes = {**TINY, "train.threads": given}
        run = sp.train(
            "dcgan", "digits", out=tmp_path / name, kimg=0.1, changes=changes, quiet=True
        )
        digests.append(sha256_of(run.checkpoints[-1] / "ema.safetensors"))
    assert digests[0] == digests[1]
