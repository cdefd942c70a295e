"""Everything that training changes: nets, their average, optimisers, counters."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from saddlepoint.core.config import Config, Ema
from saddlepoint.core.contracts import DataSpec, Discriminator, Generator, Player
from saddlepoint.core.randomness import derive_seed, seed_torch
from saddlepoint.core.ranks import here
from saddlepoint.core.schedules import along_cosine
from saddlepoint.training.optimizers import keep_on_device
from saddlepoint.training.rank_layers import share
from saddlepoint.training.trained_model import TrainedModel
from saddlepoint.training.upsampling import fuse
from saddlepoint.training.warm_start import WarmStart, freeze, trainable

_Net = TypeVar("_Net", bound=nn.Module)


@dataclass
class TrainState:
    """A run at one moment: equal states have equal futures."""

    generator: Generator
    discriminator: Discriminator
    ema: Generator
    """The generator with averaged weights and buffers: the one that is sampled."""
    optim_g: torch.optim.Optimizer
    optim_d: torch.optim.Optimizer
    n_images: int = 0
    """Real images shown to the discriminator."""
    n_steps: int = 0
    """Generator steps."""
    n_treatments: int = 0
    """Treatments so far."""

    @classmethod
    def new(cls, config: Config, spec: DataSpec, trained: TrainedModel | None = None) -> TrainState:
        """The state before the first step, a function of the configuration, its seed and what the
        first weights are taken from.

        Args:
            trained: what `config.start` names; its weights are taken as far as they fit.
        """
        seed_torch(derive_seed(config.seed, "init", 0))
        generator, discriminator = config.arch.generator(spec), config.arch.discriminator(spec)
        n_frozen = config.start.freeze_discriminator
        if trained is not None:
            warm = WarmStart.of(trained, generator, discriminator)
            warm.load_into(generator, discriminator)
            n_frozen = min(n_frozen, warm.n_whole(discriminator))
        freeze(discriminator, n_frozen)
        generator = placed(generator, config, spec)
        discriminator = placed(discriminator, config, spec)
        ema = copy.deepcopy(generator).requires_grad_(False)
        if config.train.device == "cpu":  # on GPUs not measured
            fuse(generator, discriminator)
        if here().size > 1:
            share(generator)
            share(discriminator)
        if config.train.compile:
            compile_nets(generator, discriminator)
        return cls(
            generator=generator,
            discriminator=discriminator,
            ema=ema.eval(),
            optim_g=keep_on_device(config.optim_g.build(generator.parameters())),
            optim_d=keep_on_device(config.optim_d.build(trainable(discriminator))),
        )

    @property
    def nets(self) -> dict[str, nn.Module]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "ema": self.ema,
        }

    @property
    def optimizers(self) -> dict[Player, torch.optim.Optimizer]:
        return {"generator": self.optim_g, "discriminator": self.optim_d}

    def require_gradients_d(self, wanted: bool) -> None:
        """Whether gradients of the discriminator's weights are computed; never of frozen ones."""
        for group in self.optim_d.param_groups:
            for parameter in group["params"]:
                parameter.requires_grad_(wanted)


def placed(net: _Net, config: Config, spec: DataSpec) -> _Net:
    """The net on the configuration's device, in the layout that convolutions are fastest with."""
    net = net.to(config.train.device)
    if spec.is_image:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs
    return net


def compile_nets(*nets: nn.Module) -> None:
    """torch.compile in place: names of weights stay, and what cannot be compiled runs eagerly."""
    import torch._dynamo  # slow to load

    # Without a compiler, or with a graph that it cannot handle, dynamo warns and runs eagerly.
    torch._dynamo.config.suppress_errors = True
    for net in nets:
        net.compile()


@contextlib.contextmanager
def uncompiled(net: nn.Module) -> Iterator[None]:
    """Call the net eagerly: compiled code cannot be differentiated twice, as penalties on the
    gradient do."""
    kept, net._compiled_call_impl = net._compiled_call_impl, None
    try:
        yield
    finally:
        net._compiled_call_impl = kept


def ema_decay(ema: Ema, n_images: int, images_per_step: int, done: float = 1.0) -> float:
    """The share of the average that is kept in one step; 0 copies the generator.

    Args:
        done: share of the schedules that is done, for a half-life that rises with them.
    """
    halflife = ema.halflife
    # Early on a full half-life would average in the untrained first generators.
    if ema.rise == "cosine":
        halflife = along_cosine(0.0, halflife, done)
    elif ema.ramp > 0:
        halflife = min(halflife, ema.ramp * n_images)
    return 0.5 ** (images_per_step / halflife) if halflife > 0 else 0.0


@torch.no_grad()
def update_ema(average: nn.Module, net: nn.Module, weight: Tensor | float) -> None:
    """Move `average` towards `net`: parameters and floating-point buffers alike.

    BatchNorm's running statistics belong to the weights that they were measured with: averaged
    weights with the newest or the initial statistics make different images.

    Args:
        weight: how far, in [0, 1]: 1 - ema_decay. A 0-d tensor where the step is recorded.
    """
    moving, fixed = [], []
    mine, theirs = (*average.parameters(), *average.buffers()), (*net.parameters(), *net.buffers())
    for kept, new in zip(mine, theirs, strict=True):
        (moving if kept.is_floating_point() else fixed).append((kept, new))
    for kept, new in fixed:
        kept.copy_(new)
    kept, new = (list(side) for side in zip(*moving, strict=True))
    if kept[0].is_cuda:
        # A few kernels over all tensors; one a tensor would take as long as a small net's forward.
        difference = torch._foreach_sub(new, kept)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_mul_(difference, weight)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_add_(kept, difference)  # pyright: ignore[reportPrivateImportUsage]
    else:
        for old, now in zip(kept, new, strict=True):
            old.lerp_(now, weight)
