"""Trials as tasks of Ray, on this machine or on a cluster that shares the sweep's folder."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.sweeping.processes import Going, begin

_STOPPED = 130
_SECONDS = 0.2


class RayTasks:
    """One task a trial. Ray decides where; the cluster is the one that RAY_ADDRESS names, and this
    machine where it names none.

    Args:
        cores: of each trial.

    Raises:
        InputError: Ray is not installed.
        RunFailed: its cluster cannot be reached.
    """

    def __init__(self, cores: int) -> None:
        try:
            self._ray = ray = importlib.import_module("ray")
        except ImportError as error:
            raise InputError("--on ray needs Ray; pip install ray.") from error
        address = os.environ.get("RAY_ADDRESS", "local")
        ours = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(address=address, log_to_driver=False)
            # Ray's own handler would end this process before its trials have saved.
            signal.signal(signal.SIGTERM, ours)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            said = str(error).partition("\n")[0].rstrip(".")
            raise RunFailed(f"Ray cannot be used (RAY_ADDRESS is {address}): {said}.") from error
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        self._task = ray.remote(num_cpus=cores, num_gpus=gpus, max_retries=0)(_train)

    def start(self, argv: Sequence[str], log: Path, slot: int) -> Going:
        return _Task(self._ray, self._task.remote([*argv], str(log.absolute()), os.getcwd()))


class _Task:
    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray, self._reference = ray, reference

    def poll(self) -> int | None:
        ended, _ = self._ray.wait([self._reference], timeout=0)
        if not ended:
            return None
        try:
            return int(self._ray.get(self._reference))
        except self._ray.exceptions.TaskCancelledError:
            return _STOPPED
        except self._ray.exceptions.RayError:  # its machine is gone
            return -9

    def stop(self) -> None:
        # Raises KeyboardInterrupt in the task, or drops one that has not begun.
        self._ray.cancel(self._reference)


def _train(argv: list[str], log: str, folder: str) -> int:
    """In a worker of Ray: one trial, from where the sweep was started."""
    os.chdir(folder)
    process = begin(argv, Path(log), os.environ)
    try:
        # Not in `wait`: Ray cancels a task between two instructions of Python, not with a signal.
        while process.poll() is None:
            time.sleep(_SECONDS)
        return process.returncode
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
