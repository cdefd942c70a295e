"""What the processes that `torchrun` started do together: collectives, and what they agree on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.distributed.distributed_c10d import Store

from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import dumps
from saddlepoint.core.rank_words import Words
from saddlepoint.core.ranks import Piece, Ranks

_STEPS_PER_LOOK = 16
"""On a GPU, steps between two looks whether anybody wants to stop."""


class _Total(torch.autograd.Function):
    """The sum over the ranks; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, group: Group) -> Tensor:
        ctx.group = group
        return group.sum(values)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:  # type: ignore[override]  # a context of any kind
        return _Total.apply(slope, ctx.group), None


class Group(Words, Ranks):
    """Several processes; every method is called by all of them, in the same order.

    Args:
        store: where they leave words for each other.
        seconds: how long one waits for the others.
    """

    def __init__(self, store: Store, rank: int, size: int, seconds: float) -> None:
        super().__init__(store, rank, size, seconds)
        self._n_told = self._n_asked = self._n_met = 0
        self.on_gpu = False
        """Whether steps are queued on a GPU: looking for a stop waits for them."""

    # -- a batch -------------------------------------------------------------------------------

    def mine(self, whole: Tensor) -> Tensor:
        return whole[self.rank :: self.size]

    def whole(self, mine: Tensor) -> Tensor:
        spread = torch.stack(
            [mine if rank == self.rank else torch.zeros_like(mine) for rank in range(self.size)], 1
        )
        return self.total(spread).flatten(0, 1)

    def total(self, values: Tensor) -> Tensor:
        made = _Total.apply(values, self)
        assert isinstance(made, Tensor)
        return made

    def sum(self, values: Tensor) -> Tensor:
        """The sum over the ranks, without a graph."""
        summed = values.detach().clone(memory_format=torch.contiguous_format)
        with self._together():
            dist.all_reduce(summed)
        return summed

    def drawn(self, draw: Callable[[int], Tensor], n: int) -> Tensor:
        return self.mine(draw(n * self.size))

    def noise_like(self, images: Tensor) -> Tensor:
        # Joined they have the layout of one process's batch, which decides the order of the draws.
        return self.mine(torch.randn_like(torch.cat([images.detach()] * self.size)))

    def mean(self, values: Tensor) -> Tensor:
        return self.sum(values) / self.size

    def dealt(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        return islice(pieces, self.rank, None, self.size)

    def gathered(self, values: Tensor) -> Tensor:
        every = values.new_zeros(self.size, *values.shape)
        every[self.rank] = values
        return self.sum(every)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        own = [p for p in parameters if p.requires_grad]
        # A net whose branches depend on the data may have no gradient here and one elsewhere: the
        # buffer has the same size everywhere.
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in own]
        flat = torch.cat([part.reshape(-1) for part in parts])
        with self._together():
            dist.all_reduce(flat)
        flat /= self.size
        for parameter, mean in zip(own, flat.split([p.numel() for p in own]), strict=True):
            if parameter.grad is not None:
                parameter.grad.copy_(mean.view(parameter.shape))

    # -- what they agree on --------------------------------------------------------------------

    def any(self, flag: bool) -> bool:
        self._n_asked += 1
        if self.on_gpu and self._n_asked % _STEPS_PER_LOOK:
            return False
        said = torch.tensor([flag], dtype=torch.uint8)
        with self._together():
            dist.all_reduce(said, dist.ReduceOp.MAX)
        return bool(said.item())

    def told(self, value: Any, long: bool = False) -> Any:
        self._n_told += 1
        key = f"told/{self._n_told}"
        if self.leads:
            with self._together():
                self._store.set(key, dumps(value))
            return value
        return self._word(key, 0, None if long else self.seconds)

    def brought(
        self, owner: int, make: Callable[[], dict[str, Tensor]]
    ) -> dict[str, Tensor] | None:
        if self.rank not in (owner, 0):
            return None
        if owner == self.rank:
            made = make()
            if not self.leads:
                self._send(torch.frombuffer(bytearray(save(made)), dtype=torch.uint8))
            return made
        return load(self._received(owner).numpy().tobytes())

    def _send(self, content: Tensor) -> None:
        with self._together():
            dist.send(torch.tensor([len(content)]), 0)
            dist.send(content, 0)

    def _received(self, rank: int) -> Tensor:
        n = torch.zeros(1, dtype=torch.int64)
        with self._together():
            dist.recv(n, rank)
            content = torch.empty(int(n), dtype=torch.uint8)
            dist.recv(content, rank)
        return content

    def meet(self, facts: dict[str, Any]) -> None:
        self._n_met += 1
        key = f"facts/{self._n_met}"
        self._store.set(f"{key}/{self.rank}", dumps(facts))
        # Data may have to be prepared first, on one machine and not on the other: no limit.
        ours, *others = (self._word(f"{key}/{rank}", rank) for rank in range(self.size))
        for rank, theirs in enumerate(others, 1):
            for what, value in ours.items():
                if theirs.get(what) != value:
                    raise InputError(
                        f"{self.name(rank)} has {what} {theirs.get(what)}, but {self.name(0)} has "
                        f"{value}; start all ranks with the same command, data and versions."
                    )

    def given(self, tensors: dict[str, Tensor] | None) -> dict[str, Tensor]:
        own = tensors or {}
        kinds = {name: [str(t.dtype).partition(".")[2], *t.shape] for name, t in own.items()}
        for name, (dtype, *shape) in self.told(kinds, long=True).items():
            if not self.leads:
                own[name] = torch.empty(shape, dtype=getattr(torch, dtype))
        self.broadcast(own.values())
        return own

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        with self._together(), torch.no_grad():
            for tensor in tensors:
                sent = tensor.contiguous()
                dist.broadcast(sent, 0)
                tensor.copy_(sent)
