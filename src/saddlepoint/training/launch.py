"""From the environment that `torchrun` sets to the ranks of a run; without it, one alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import torch
import torch.distributed as dist

# Unused, and imported by torch itself at some time. Its functions have the group of that moment as
# a default: imported after the ranks have met, it would keep their connection open for ever, and
# nobody would hear that a rank has ended.
import torch.distributed.nn.functional
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from saddlepoint import __version__
from saddlepoint.core import streams
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import Followed, InputError, Interrupted, RunFailed
from saddlepoint.core.flat import flatten
from saddlepoint.core.rank_group import Group
from saddlepoint.core.rank_words import Missed
from saddlepoint.core.ranks import ALONE, Ranks, among, here
from saddlepoint.core.runs import Run

TIMEOUT = "SADDLE_RANK_TIMEOUT"
_GO_ON = (
    "the last checkpoint is intact: `saddle resume` goes on from there, started like this run, and "
    "`torchrun --max-restarts 3` does so by itself."
)
_SECONDS = 600.0
"""Rank 0 scores, draws and saves while the others wait."""


@contextmanager
def joined() -> Iterator[Ranks]:
    """The ranks of this run, from the environment; whoever has joined already keeps them.

    Rank 0 alone prints. How a rank ends is left for the others, so that none waits for it.

    Raises:
        InputError: a variable is not what it has to be, or the others cannot be reached.
        Followed: another rank says how the run ended.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1" or here() is not ALONE:
        yield here()
        return
    group = _connect()
    streams.silence(not group.leads)
    try:
        with among(group):
            yield group
    except BaseException as error:
        _end(group, error)
        raise
    else:
        _end(group, None)
    finally:
        streams.silence(False)


def _connect() -> Group:
    seconds = _seconds()
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    values = [os.environ.get(name, "") for name in names]
    rank, size = (int(v) if v.isdecimal() and len(v) < 7 else -1 for v in values[:2])
    if not (0 <= rank < size and values[2] and values[3].isdecimal()):
        said = ", ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))
        raise InputError(
            f"{said} does not describe a group of processes; start them with torchrun, or unset "
            "WORLD_SIZE to train with one."
        )
    _take_gpu()
    restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    wait = timedelta(seconds=seconds)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        store = _store(tuple(values), wait)
        # It has the words of those that died before a restart, and of what a script did before.
        group_name = f"{restarts}/{store.add(f'joined/{restarts}/{rank}', 1)}"
        shared = PrefixStore(f"torch/{group_name}", store)
        dist.init_process_group(backend, timeout=wait, world_size=size, rank=rank, store=shared)
        group = Group(PrefixStore(f"saddle/{group_name}", store), rank, size, seconds)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"Rank {rank} cannot reach the other {size - 1} through {values[2]}:{values[3]} "
            f"({reason}); check that all were started, and that this host and port can be reached."
        ) from error
    group.restarts = int(restarts) if restarts.isdecimal() else 0
    group.launch = _launch()
    return group


@cache
def _store(environment: tuple[str, ...], wait: timedelta) -> Store:
    """The one of this environment, opened once: without torchrun it is rank 0's own, at a port
    that cannot be taken twice."""
    return next(iter(rendezvous("env://", timeout=wait)))[0]


def _seconds() -> float:
    given = os.environ.get(TIMEOUT, str(_SECONDS))
    with suppress(ValueError):
        if 1 <= float(given) <= 1e6:
            return float(given)
    raise InputError(f"{TIMEOUT}={given} must be a number of seconds from 1 to 1,000,000.")


def _take_gpu() -> None:
    """Each process of a machine has a GPU of its own; `cuda` then means this one."""
    local, n = os.environ.get("LOCAL_RANK", "0"), torch.cuda.device_count()
    if n and local.isdecimal() and int(local) < n:
        torch.cuda.set_device(int(local))


def _end(group: Group, error: BaseException | None) -> None:
    """Leave word of the ending, and leave the saying to the rank that knows most.

    Raises:
        Followed: it is said elsewhere.
    """
    with suppress(RunFailed, InputError, Interrupted):
        group.end(error)
    if error is None or not group.on_gpu:
        with suppress(RuntimeError):
            dist.destroy_process_group()  # whoever waits for this rank hears of it at once
    if isinstance(error, Missed):
        speaks = error.speaker == group.rank
    else:
        outlasted = None if group.leads or error is None else group.outlasted(0)
        speaks = group.leads or not (outlasted and outlasted["kind"])
    with suppress(RunFailed, InputError, Interrupted):
        group.heard()
        # Without torchrun rank 0 has the store, through which the others hear of it.
        if group.leads and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
            group.wait_for_others()
    if error is not None and not speaks:
        raise Followed(error) from error


def _launch() -> str:
    # Its default name is that of every launch; the launcher's own process is not started again.
    name, address = os.environ.get("TORCHELASTIC_RUN_ID", ""), os.environ.get("MASTER_ADDR", "")
    return f"{name}/{address}/{os.getppid()}" if name else ""


def begun_before(out: Path | None) -> bool:
    """Whether this very launch has begun the run in this folder, and was started again since.

    Raises:
        InputError: a launch that may be started again does not name the folder.
        Interrupted: the run was asked to stop, and not killed.
    """
    ranks = here()
    if out is None and os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0") != "0" and ranks.size > 1:
        raise InputError(
            "With torchrun's --max-restarts, give --out RUN: processes that are started again find "
            "their run by its folder."
        )
    run = Run(out or "")
    begun = bool(ranks.restarts and ranks.leads and out and run.config_file.is_file())
    begun = begun and run.document.get("resolved", {}).get("launch") == ranks.launch
    if begun and run.status.get("state") == "interrupted":
        raise Interrupted(f"{out} was stopped; `saddle resume {out}` goes on with it.")
    return ranks.told(begun)


def agree(config: Config, dataset: Dataset) -> None:
    """Wait until all ranks have opened their data, and make sure that they train the same.

    Args:
        config: with device and precision resolved.

    Raises:
        InputError: several ranks cannot train this, or a rank has something else.
    """
    ranks = here()
    if ranks.size == 1:
        return
    check_shares(config, ranks)
    ranks.on_gpu = torch.device(config.train.device).type == "cuda"
    ranks.go_on = _GO_ON
    fields = flatten(to_json(config))
    for of_machine in ("train.threads", "start.model"):
        del fields[of_machine]
    versions = {"saddlepoint": __version__, "torch": torch.__version__}
    ranks.meet({"data with fingerprint": dataset.fingerprint, **fields, **versions})
    if ranks.on_gpu and config.train.graphs != "off":
        streams.tell("Several ranks run every step eagerly: CUDA graphs are for one process.")


def own_part(config: Config) -> Config:
    """The configuration with a batch of this rank's items."""
    batch_size = max(2, config.train.batch_size // here().size)
    return replace(config, train=replace(config.train, batch_size=batch_size))


def check_shares(config: Config, ranks: Ranks) -> None:
    """Raises InputError for what several processes cannot do, or not equally."""
    train = config.train
    parts = ranks.size * train.accumulate
    said = f"{ranks.size} ranks"
    said += f" with --train.accumulate {train.accumulate}" if train.accumulate > 1 else ""
    if train.batch_size % parts:
        near = max(parts, round(train.batch_size / parts) * parts)
        raise InputError(
            f"train.batch_size={train.batch_size}, that of all ranks together, cannot be shared by "
            f"{said}; give a multiple of {parts}, such as --train.batch-size {near}."
        )
    n_wrong = int(train.wrong_label_fraction * (train.batch_size // train.accumulate))
    if n_wrong % ranks.size:
        raise InputError(
            f"train.wrong_label_fraction={train.wrong_label_fraction:g} gives {n_wrong} wrong "
            f"labels to a batch, which {said} cannot share; choose another fraction or batch size."
        )
    if config.doctor.mode == "treat":
        raise InputError(
            "--doctor treat goes back and rebuilds the nets, which several ranks cannot; use "
            "--doctor advise, or treat with one process."
        )
    check_device(train.device)


def check_device(device: str) -> None:
    """Raises InputError for a GPU that is not this rank's own."""
    if here().size == 1 or not device.startswith("cuda"):
        return
    n, local = torch.cuda.device_count(), os.environ.get("LOCAL_RANK", "0")
    if device != "cuda":
        raise InputError(f"--device {device}: each rank has a GPU of its own; give --device cuda.")
    if int(local) >= n:
        raise InputError(
            f"Rank {here().rank} is process {int(local) + 1} of a machine with {n} GPUs: start {n} "
            f"there (--nproc-per-node {n}), or give --device cpu."
        )
