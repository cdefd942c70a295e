"""A step's kernels recorded once as CUDA graphs and replayed: the GPU no longer waits for Python.

At a preset's batch size a step is several hundred kernels of a few microseconds each, and
launching them one by one takes longer than running them (docs/benchmarks.md, "On a GPU").

What a replay may not do is decide: it repeats the kernels of one turn (steps.turn) on the same
memory. So the inputs of every turn are copied into the memory that was recorded, learning rates
are tensors, and there is one graph for each set of penalties that is due, with and without the
generator's step. Random numbers inside a turn come from torch's own generator, which a graph takes
its seed from again at every replay: the same draws as without a graph.

Which turns are replayed follows from the configuration and the state alone, so that a run killed
and resumed has the bits of one never killed.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Penalty
from saddlepoint.core.ranks import here
from saddlepoint.data.loader import Items
from saddlepoint.training import steps
from saddlepoint.training.state import TrainState

NUMBERS = ("noise", "ema_weight", "strength")
"""Inputs of a turn that are one number, in the order in which it takes them."""

log = logging.getLogger("saddlepoint")

Work = Callable[[], steps.Outcome]
Pause = Callable[[], AbstractContextManager[None]]


class Recording(Protocol):
    """One turn, recorded."""

    outcome: steps.Outcome
    """Memory that every replay overwrites."""

    def replay(self) -> None: ...


class CudaRecording:
    """A CUDA graph of `work`."""

    def __init__(self, work: Work, pool: Any) -> None:
        self._graph = torch.cuda.CUDAGraph()
        # Only this thread's calls can spoil the recording: a loader may pin memory in another.
        stream, mode = torch.cuda.current_stream(), "thread_local"
        with torch.cuda.graph(self._graph, pool, stream, capture_error_mode=mode):
            self.outcome = work()

    def replay(self) -> None:
        self._graph.replay()


def cuda_recorder() -> Callable[[Work], Recording]:
    """Makes CUDA graphs that share one pool of memory: only one of them runs at a time."""
    pool = torch.cuda.graph_pool_handle()
    return lambda work: CudaRecording(work, pool)


class Graphs:
    """Replays turns that were recorded, records those that were not, and gives up on the first
    that cannot be."""

    def __init__(
        self,
        state: TrainState,
        config: Config,
        recorder: Callable[[], Callable[[Work], Recording]],
        pause: Pause = contextlib.nullcontext,
    ) -> None:
        """
        Args:
            recorder: makes what makes a recording without changing anything but gradients.
            pause: entered while a turn is tried and recorded: those are not turns of the run, and
                hooks on the nets must not see them.
        """
        self.state, self.config = state, config
        self._pause, self._recorder = pause, recorder
        self._record = recorder()
        self._recordings: dict[tuple[tuple[Penalty, ...], bool], _Kept] = {}
        self._constants: Any = None
        self._memory: _Memory | None = None
        self.gave_up = ""
        """Why nothing is recorded any more; empty while all goes well."""

    @classmethod
    def of(
        cls, state: TrainState, config: Config, pause: Pause = contextlib.nullcontext
    ) -> Graphs | None:
        """Graphs for this run, or None where every turn is to run eagerly."""
        return cls(state, config, cuda_recorder, pause) if cls.wanted(config) else None

    @staticmethod
    def wanted(config: Config) -> bool:
        """Whether a run records its steps."""
        on_gpu = torch.device(config.train.device).type == "cuda"
        return on_gpu and config.train.graphs == "auto" and here().size == 1

    def turn(
        self, given: steps.Inputs, penalties: tuple[Penalty, ...], with_generator: bool
    ) -> steps.Outcome:
        """As steps.turn. The fakes in the outcome are good until the next turn."""
        key = (penalties, with_generator)
        constants = [
            o.param_groups[0].get("betas") for o in (self.state.optim_g, self.state.optim_d)
        ]
        if constants != self._constants:  # recorded kernels have the old ones
            self._recordings.clear()
            self._record, self._constants = self._recorder(), constants
        if not self.gave_up and key not in self._recordings:
            self._try(given, key)
        kept = self._recordings.get(key)
        if kept is None:
            return steps.turn(self.state, self.config, given, penalties, with_generator)
        assert self._memory is not None
        self._memory.fill(given)
        kept.recording.replay()
        kept.show_gradients()
        outcome = kept.recording.outcome
        return outcome._replace(values=outcome.values.clone())

    def _try(self, given: steps.Inputs, key: tuple[tuple[Penalty, ...], bool]) -> None:
        """Record the turn, and leave the state, its gradients aside, as it was."""
        self._memory = self._memory or _Memory(given)
        self._memory.fill(given)
        inputs = self._memory.inputs

        def work() -> steps.Outcome:
            return steps.turn(self.state, self.config, inputs, *key)

        try:
            with self._pause(), put_back(self.state) as complete:
                # Kernels are chosen and workspaces allocated in the first pass; the second fails
                # with a clear message where the host waits for a number of the device.
                work()
                with _no_waiting(self.config.train.device):
                    work()
                if not complete():
                    return  # an optimiser made its state just now: this turn runs eagerly
                self._recordings[key] = _Kept(self._record(work), self.state)
        except RuntimeError as error:
            self._recordings.clear()
            _release_generator(self.config.train.device)
            self.gave_up = str(error).strip().partition("\n")[0]
            log.warning("Training without CUDA graphs, which is slower: %s", self.gave_up)


class _Kept:
    """A recording with the gradients that it writes."""

    def __init__(self, recording: Recording, state: TrainState) -> None:
        self.recording = recording
        nets = (state.generator, state.discriminator)
        every = [(p, p.grad) for net in nets for p in net.parameters()]
        self._gradients = [(p, gradient) for p, gradient in every if gradient is not None]

    def show_gradients(self) -> None:
        """Each recording has gradients of its own; `parameter.grad` has to be the newest."""
        for parameter, gradient in self._gradients:
            parameter.grad = gradient


class _Memory:
    """The inputs that recorded kernels read, in memory that stays where it is."""

    def __init__(self, given: steps.Inputs) -> None:
        raw, labels, mirror = given.real
        real = Items(
            raw.clone(),
            None if labels is None else labels.clone(),
            None if mirror is None else mirror.clone(),
        )
        device = given.z.device
        self._numbers = [torch.zeros((), device=device) for _ in NUMBERS]
        self._values = [0.0] * len(NUMBERS)
        self.inputs = steps.Inputs(real, given.z.clone(), *self._numbers)

    def fill(self, given: steps.Inputs) -> None:
        """Copy what a turn is given. A number that has not changed is not: each kernel that is
        spared is a half per cent of the step of the smallest nets."""
        real, z = self.inputs.real, self.inputs.z
        for kept, new in zip((*real, z), (*given.real, given.z), strict=True):
            if kept is not None and new is not None:
                kept.copy_(new)
        values = [getattr(given, name) for name in NUMBERS]
        for kept, old, new in zip(self._numbers, self._values, values, strict=True):
            if new != old:
                kept.fill_(new)
        self._values = values


@contextlib.contextmanager
def put_back(state: TrainState) -> Iterator[Callable[[], bool]]:
    """Undo what the block does to weights, buffers, optimisers and random generators.

    Yields:
        Whether the optimisers had all of their state before the block. Optimisers make it in their
        first step; it is taken from them again, since a first step may differ from the others.
    """
    optimizers = (state.optim_g, state.optim_d)
    known = [set(optimizer.state) for optimizer in optimizers]
    tensors = [t for net in state.nets.values() for t in _tensors(net)]
    for optimizer in optimizers:
        for values in optimizer.state.values():
            tensors += [value for value in values.values() if isinstance(value, Tensor)]
    copies = [tensor.detach().clone() for tensor in tensors]
    devices = [tensors[0].device] if tensors[0].is_cuda else []

    def complete() -> bool:
        return all(set(o.state) == before for o, before in zip(optimizers, known, strict=True))

    with torch.random.fork_rng(devices=devices):
        try:
            yield complete
        finally:
            # A turn that failed half-way may have left the discriminator frozen.
            state.require_gradients_d(True)
            with torch.no_grad():
                for tensor, copy in zip(tensors, copies, strict=True):
                    tensor.copy_(copy)
            for optimizer, before in zip(optimizers, known, strict=True):
                for parameter in set(optimizer.state) - before:
                    del optimizer.state[parameter]


def _tensors(net: nn.Module) -> Sequence[Tensor]:
    return [*net.parameters(), *net.buffers()]


def _release_generator(device: str) -> None:
    """A recording that failed leaves torch's generator waiting for the rest of it, and the next
    dropout raises: give it a state of its own, with the same seed and position."""
    if torch.device(device).type == "cuda":
        index = torch.device(device).index
        generators = torch.cuda.default_generators
        stuck = generators[torch.cuda.current_device() if index is None else index]
        fresh = torch.Generator(device)
        fresh.set_state(stuck.get_state())
        stuck.graphsafe_set_state(fresh)


@contextlib.contextmanager
def _no_waiting(device: str) -> Iterator[None]:
    """Make torch raise where the host would wait for the device: that cannot be recorded."""
    if torch.device(device).type != "cuda":
        yield
        return
    before = torch.cuda.get_sync_debug_mode()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, that the mode is a prototype
            torch.cuda.set_sync_debug_mode("error")
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)
