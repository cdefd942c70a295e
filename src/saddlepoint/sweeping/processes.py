"""Trials as processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from saddlepoint.core.errors import RunFailed, reason, remedy


class Going(Protocol):
    """A trial that was started."""

    def poll(self) -> int | None:
        """Its exit code; None while it goes on."""
        ...

    def stop(self) -> None:
        """Ask it to save and stop, as Ctrl-C does."""
        ...


class Launcher(Protocol):
    """Where trials run."""

    def start(self, argv: Sequence[str], log: Path, slot: int) -> Going:
        """Start `saddle ARGV`.

        Args:
            log: takes what it prints.
            slot: 0, 1, ...: which of the trials that go on at the same time it is.

        Raises:
            RunFailed: it cannot be started.
        """
        ...


class Processes:
    """`jobs` at a time share the cores and the GPUs of this machine."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def start(self, argv: Sequence[str], log: Path, slot: int) -> Going:
        environment = {**os.environ, **shares(self._jobs, slot, os.environ)}
        try:
            return _Process(begin(argv, log, environment))
        except OSError as error:
            raise RunFailed(
                f"A trial cannot be started: {reason(error)}; {remedy(error)}."
            ) from error


class _Process:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def poll(self) -> int | None:
        return self._process.poll()

    def stop(self) -> None:
        self._process.terminate()


def begin(
    argv: Sequence[str], log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start `saddle ARGV`, which stops when this process ends.

    Raises:
        OSError: it cannot be started.
    """
    # A trial finds this package where this process found it, but nothing else that lies about.
    paths = [os.path.abspath(path) for path in sys.path if path]
    with open(log, "ab") as file:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "saddlepoint.sweeping.trial", str(os.getpid()), *argv],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
            # Ctrl-C goes to the sweep alone, which passes it on: twice would be "at once".
            start_new_session=True,
        )


def shares(jobs: int, slot: int, environment: Mapping[str, str]) -> dict[str, str]:
    """What a trial's environment says about its share of the machine; what the user says about it
    stands."""
    import torch

    found = {}
    if jobs > 1 and "OMP_NUM_THREADS" not in environment:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        found["OMP_NUM_THREADS"] = str(max(1, (cores or 1) // jobs))
    named = environment.get("CUDA_VISIBLE_DEVICES")
    gpus = named.split(",") if named else [str(i) for i in range(torch.cuda.device_count())]
    if jobs > 1 and len(gpus) > 1:
        found["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    return found
