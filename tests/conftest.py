"""What every test has: a fixed seed, repeatable examples and a registry left as it was."""

from __future__ import annotations

import copy
import dataclasses
import functools
import os
import signal
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

from saddlepoint.core import registry
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.randomness import seed_torch
from saddlepoint.training import memory

settings.register_profile("saddlepoint", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("saddlepoint")

_BY_TYPE: dict[Any, Any] = {str: "somewhere", int: 1, float: 1.0, bool: False, Path: Path("x")}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Nets this small gain nothing from threads, and on busy cores the threads' barriers cost ten
    times the work. Child processes follow, so that both compute the same bits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="session")
def ctrl_c() -> None:
    """A shell starts what it puts in the background with SIGINT ignored, and children inherit it:
    tests that interrupt a process would wait for ever."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def no_fsync() -> Iterator[None]:
    """What a power cut would lose no test can see, but the waits for the disk add up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def needs_worked_out_once() -> Iterator[None]:
    """How much memory a run needs follows from its configuration alone, and to work it out takes as
    long as the tiny trainings here, most of which are configured alike."""
    known: dict[Any, tuple[int, int, int]] = {}
    work_out = memory.needs

    def needs(config: Config, spec: DataSpec, device: str = "meta") -> tuple[int, int, int]:
        budget = {"kimg": 1.0, "schedule_kimg": 0.0, "minutes": 0.0, "checkpoint_minutes": 0.0}
        train = dataclasses.replace(config.train, **budget, tick_kimg=0.0, sample_kimg=0.0)
        # Nets and a step on them, without the data, the seed and the names.
        parts = ("augment", "arch", "loss", "penalties", "optim_g", "optim_d", "ema", "start")
        key = (spec, device, train, *(getattr(config, part) for part in parts))
        if key not in known:
            known[key] = work_out(config, spec, device)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "needs", needs)
        yield


@pytest.fixture(autouse=True)
def seeded() -> None:
    seed_torch(0)


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    """Whatever a test registers is forgotten afterwards."""
    for group in registry.HOMES:
        registry.names(group)
    before, plugins = copy.deepcopy(registry._classes), dict(registry._plugins)
    yield
    registry._plugins.clear()
    registry._plugins.update(plugins)
    for group, known in before.items():
        registry._classes[group].clear()
        registry._classes[group].update(known)


@pytest.fixture(scope="session")
def onnx_operators_read_once() -> Iterator[None]:
    """For every network that leaves, PyTorch parses the source of all 497 operators that ONNX has
    translations for: a third of an export, and always the same."""
    from torch.onnx._internal.exporter import _registration

    operators = _registration.onnxscript_apis
    with pytest.MonkeyPatch.context() as patch:
        read = functools.cache(operators.get_torchlib_ops)
        patch.setattr(operators, "get_torchlib_ops", read, raising=False)
        yield


@pytest.fixture(scope="session")
def example_of() -> Callable[[str, str], Any]:
    """(group, name) -> an instance; fields without a default get a plain value."""

    def build(group: str, name: str) -> Any:
        cls = registry.get(group, name)
        hints = typing.get_type_hints(cls)
        needed = {
            field.name: _BY_TYPE[hints[field.name]]
            for field in dataclasses.fields(cls)
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        }
        return cls(**needed)

    return build
