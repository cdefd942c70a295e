"""Threads: as many as were asked for, and asleep while they wait where cores are shared."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import saddlepoint as sp
from saddlepoint.core.config import Train
from saddlepoint.core.files import sha256_of
from saddlepoint.core.provenance import read_config
from saddlepoint.training import device, threads
from saddlepoint.training.threads import SharedCores

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


class Queue:
    """The kernel's account of what the threads waited for a core, as a test wants it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        monkeypatch.setattr(threads, "_queued_seconds", lambda: self.seconds)
        monkeypatch.setattr(threads, "_WINDOW_SECONDS", 0.0)


def test_threads_sleep_on_shared_cores_and_spin_again_on_their_own(
    two_threads: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, before = Queue(monkeypatch), threading.active_count()
    with SharedCores(two_threads) as cores:
        assert not cores.check()
        queue.seconds += 10
        assert cores.check()  # told once, when it begins
        assert threading.active_count() > before
        queue.seconds += 10
        assert not cores.check()
        time.sleep(0.05)
        assert not cores.check()  # nothing in the queue since: the cores are free again
        assert cores.waiting == 0
        time.sleep(0.1)
        assert threading.active_count() == before
        queue.seconds += 10
        assert cores.check()
    time.sleep(0.1)
    assert threading.active_count() == before


@pytest.mark.parametrize("train", [Train(device="cpu", threads=1), Train(device="cuda", threads=8)])
def test_without_a_team_on_the_processor_nothing_is_done(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(monkeypatch)
    with SharedCores(train) as cores:
        queue.seconds += 10
        assert not cores.check()
        assert cores.waiting == 0


@pytest.mark.skipif(sys.platform != "linux", reason="GNU OpenMP's way to wait")
def test_a_sleeping_thread_burns_no_processor_time(
    two_threads: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two operations of the main thread the second thread of its team waits."""
    queue, values = Queue(monkeypatch), torch.zeros(2**18)

    def burnt() -> float:
        begun = time.process_time()
        for _ in range(60):
            values.add_(1)
            time.sleep(0.003)
        return time.process_time() - begun

    with SharedCores(two_threads) as cores:
        spinning = burnt()
        queue.seconds += 1e6
        assert cores.check()
        sleeping = burnt()
    assert sleeping < 0.5 * spinning


def test_how_threads_wait_changes_no_bit(
    two_threads: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, weights = Queue(monkeypatch), []
    images, kernel = torch.randn(16, 8, 14, 14), torch.randn(16, 8, 3, 3, requires_grad=True)
    with SharedCores(two_threads) as cores:
        for _ in range(2):
            loss = torch.nn.functional.conv2d(images, kernel).square().mean()
            weights.append(torch.autograd.grad(loss, kernel)[0])
            queue.seconds += 1e6
            cores.check()
    assert torch.equal(*weights)


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
