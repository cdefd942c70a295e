"""Whether a training run fits into memory, worked out from shapes before anything is built."""

from __future__ import annotations

import copy
import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from saddlepoint.core import limits
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.data.loader import MAX_RESIDENT_BYTES, Items
from saddlepoint.training import steps
from saddlepoint.training.state import TrainState
from saddlepoint.training.upsampling import fuse
from saddlepoint.training.warm_start import freeze, trainable

_BESIDE_ON_GPU = 50 * 10**6
"""What kernels work in, the doctor's probes and the scores."""
_BESIDE = 65 * 10**6
"""The same in a process on a CPU, with the code of kernels that are loaded when first used
(docs/log.md, "Memory, estimated and measured", as all that follows)."""
_BESIDE_IN_REPORT = {True: 100 * 10**6, False: 60 * 10**6}
"""What the report at the end works in, of images and of points."""
_STEP_IN_REPORT = 0.8
"""Of a step's memory, what the process has not given back when the report is written."""

_BF16_ON_GPU = 0.58
"""Of a float32 step's bytes, what one under bf16 autocast has: what the layers return is half as
large, the rest is not. Measured on one GPU."""
_BF16_ON_CPU = 0.65
"""There kernels also copy what they read into another order."""
_BF16_ON_CPU_PENALISED = 0.8
"""Where every step has a penalty, whose own passes are float32."""


class Need(NamedTuple):
    """What a training run needs besides what the process has already, in bytes."""

    parts: dict[str, int]
    """What to lower -> what it takes."""
    total: int
    left: int
    """What the device has left."""

    @property
    def fits(self) -> bool:
        return self.total <= self.left


def need_of(config: Config, dataset: Dataset) -> Need | None:
    """None for nets whose need is not known before they have trained."""
    spec, train, device = dataset.spec, config.train, torch.device(config.train.device)
    try:
        state, weights, step = needs(config, spec)
    # A plug-in's net may look at values, which meta tensors do not have: torch raises RuntimeError
    # for that, and TypeError where they should become numpy's. Such nets are not judged.
    except (RuntimeError, TypeError):
        return None
    # At a tick: the state, the last tick's copy of it and the next one beside it; gradients, and
    # the weights that the doctor keeps from before a step. During a step there is no next.
    nets, step = 3 * state + 2 * weights, max(0, step - state - weights)
    grid = 8 * math.prod(spec.shape) * train.n_samples
    # Larger data stay on the disk.
    data = dataset.images.nbytes * (dataset.images.nbytes <= MAX_RESIDENT_BYTES)
    parts = {
        "--arch (its widths and --arch.latent-dim)": nets,
        f"--train.batch-size {train.batch_size:,}": step,
        f"--train.n-samples {train.n_samples:,}": grid,
        "the size or the number of the images": data,
    }
    if device.type == "cuda":
        total = nets + step + grid + data + _BESIDE_ON_GPU
        return Need(parts, total, torch.cuda.mem_get_info(device)[0])
    # A memory map is copied, and what was read of it counts as well.
    images = dataset.images
    mapped = isinstance(images, np.ndarray) and not images.flags.writeable
    copied = 2 * data if mapped else 0
    training = nets + step + grid + copied + _BESIDE
    # It reads the data again.
    report = nets + round(_STEP_IN_REPORT * step) + data + _BESIDE_IN_REPORT[spec.is_image]
    return Need(parts, max(training, report), limits.available_memory())


def require_memory_for(config: Config, dataset: Dataset) -> int | None:
    """The most memory that the run is expected to take: of this process, or of its GPU.

    Returns:
        Bytes; None for nets whose need is not known before they have trained.

    Raises:
        InputError: the data, the nets with the copies that checkpoints are written from, a step or
            a grid of samples need more than the device of `config` has left.
    """
    need = need_of(config, dataset)
    if need is None:
        return None
    largest = max(need.parts, key=lambda name: need.parts[name])
    lower = f"lower {largest}"
    if "batch" in largest:
        lower += ", or compute it in parts with --train.accumulate"
    limits.require_memory(need.total, f"This run on {config.train.device}", lower, need.left)
    on_gpu = torch.device(config.train.device).type == "cuda"
    return need.total if on_gpu else limits.used_memory() + need.total


def needs(config: Config, spec: DataSpec, device: str = "meta") -> tuple[int, int, int]:
    """Bytes of the nets, their average and the optimisers; of the two nets' weights alone; and
    the most that a step has besides the first.

    Args:
        device: meta tensors have shapes and no values, so that a step on them takes no memory.
    """
    halved = config.train.precision == "bf16"
    config = replace(config, train=replace(config.train, precision="fp32", compile=False))
    given = _inputs(config, spec, device)
    with Live() as live:
        # Nothing else: an optimiser counts its steps in a number, which a meta tensor has not.
        with torch.device(device):
            generator, discriminator = config.arch.generator(spec), config.arch.discriminator(spec)
        freeze(discriminator, config.start.freeze_discriminator)
        if config.train.device == "cpu":  # as the nets that are trained
            fuse(generator, discriminator)
        state = TrainState(
            generator=generator,
            discriminator=discriminator,
            ema=copy.deepcopy(generator).requires_grad_(False),
            optim_g=config.optim_g.build(generator.parameters()),
            optim_d=config.optim_d.build(trainable(discriminator)),
        )
        # Twice: the optimisers have their moments only after the first.
        for _ in range(2):
            live.most = live.now
            steps.turn(state, config, given, config.penalties, with_generator=True)
    kept = _bytes_of(state)
    step = live.most - kept
    weights = [*generator.parameters(), *discriminator.parameters()]
    on_gpu = torch.device(config.train.device).type == "cuda"
    share = _share_of_bf16(config, on_gpu) if halved else 1.0
    # A graph is recorded beside a copy of the state.
    beside = kept if on_gpu and config.train.graphs == "auto" else 0
    return kept, sum(w.nbytes for w in weights), round(step * share) + beside


def _share_of_bf16(config: Config, on_gpu: bool) -> float:
    if on_gpu:
        return _BF16_ON_GPU
    penalised = any(penalty.every == 1 for penalty in config.penalties)
    return _BF16_ON_CPU_PENALISED if penalised else _BF16_ON_CPU


class Live(TorchDispatchMode):
    """Counts the bytes of the tensors that are made inside and still exist."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.most = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:  # a view, or changed in place
            return
        self._known.add(storage)
        self.now += storage.nbytes()
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._forget, storage.nbytes())

    def _forget(self, n_bytes: int) -> None:
        self.now -= n_bytes


def _inputs(config: Config, spec: DataSpec, device: str) -> steps.Inputs:
    n = config.train.batch_size
    channels, *sides = spec.shape
    shape, dtype = ((n, *sides, channels), torch.uint8) if spec.is_image else ((n, 2), None)
    conditional = config.arch.conditioning != "none"
    with torch.device(device):
        raw = torch.zeros(shape, dtype=dtype)
        labels = torch.zeros(n, dtype=torch.long) if conditional else None
        z = torch.zeros(n, config.arch.generator(spec).latent_dim)
    return steps.Inputs(Items(raw, labels, None), z, noise=0.1, ema_weight=0.1)


def _bytes_of(state: TrainState) -> int:
    nets = (tensor for net in state.nets.values() for tensor in net.state_dict().values())
    optimizers = tree_leaves([state.optim_g.state_dict(), state.optim_d.state_dict()])
    return sum(tensor.nbytes for tensor in (*nets, *optimizers) if isinstance(tensor, Tensor))
