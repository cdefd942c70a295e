"""The processes of one training run: each takes its share of every batch. Here: one alone.

`torchrun` starts several; `core/rank_group.py` is what they do together. Item i of a batch belongs
to rank i modulo their number, so that a batch in equal parts (train.accumulate) has the same parts
whoever works on them, and so has whatever is decided by a place in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Piece = TypeVar("Piece")


class Ranks:
    """One process, alone: its share is the whole batch, and there is nobody to talk to."""

    rank = 0
    size = 1
    on_gpu = False
    go_on = "start all of them again."
    """What to do once one is missed."""
    restarts = 0
    """How often the launcher has started these processes again."""
    launch = ""
    """A name for the launch, the same when processes are started again; "" without a launcher."""

    @property
    def leads(self) -> bool:
        """Rank 0, which alone writes."""
        return self.rank == 0

    # -- a batch: called by all at the same place of a step ------------------------------------

    def mine(self, whole: Tensor) -> Tensor:
        """This rank's items of a batch [n, ...]."""
        return whole

    def whole(self, mine: Tensor) -> Tensor:
        """The batch [n * size, ...] whose items are spread over the ranks; differentiable."""
        return mine

    def total(self, values: Tensor) -> Tensor:
        """The sum over the ranks; differentiable, as often as one likes."""
        return values

    def drawn(self, draw: Callable[[int], Tensor], n: int) -> Tensor:
        """`draw(n)` of random numbers, a row an item, as one process would draw them."""
        return draw(n)

    def noise_like(self, images: Tensor) -> Tensor:
        """Normal noise in the shape of this rank's images, as one process would draw it."""
        return torch.randn_like(images)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the ranks, without a graph."""
        return values

    def dealt(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """This rank's pieces of work: piece i is that of rank i modulo their number."""
        return iter(pieces)

    def gathered(self, values: Tensor) -> Tensor:
        """What each rank gives, [size, ...] on all of them, without a graph."""
        return values[None]

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the ranks."""

    # -- what they agree on --------------------------------------------------------------------

    def any(self, flag: bool) -> bool:
        """Whether any rank says so; called by all once a step."""
        return flag

    def told(self, value: Any, long: bool = False) -> Any:
        """Rank 0's value (of JSON), which the others wait for; what they give is not looked at.

        Args:
            long: rank 0 may take any time, as long as it lives.
        """
        return value

    def brought(
        self, owner: int, make: Callable[[], dict[str, Tensor]]
    ) -> dict[str, Tensor] | None:
        """What `make` gives on one rank, on the CPU: there and on rank 0; None on the others."""
        return make()

    def given(self, tensors: dict[str, Tensor] | None) -> dict[str, Tensor]:
        """Rank 0's tensors, which the others wait for as long as it lives; they give None."""
        assert tensors is not None
        return tensors

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite the tensors by those of rank 0."""

    def meet(self, facts: dict[str, Any]) -> None:
        """Wait for all ranks, and refuse those whose facts are not rank 0's.

        Raises:
            InputError: the sentence names rank, host and fact.
        """


ALONE = Ranks()
_here = _sharing = ALONE


def here() -> Ranks:
    """The processes that this one trains with."""
    return _here


def sharing() -> Ranks:
    """Those that share the work under way, `together`; elsewhere each is alone."""
    return _sharing


@contextmanager
def among(ranks: Ranks) -> Iterator[None]:
    """In this context `here` is `ranks`."""
    global _here
    _here = ranks
    try:
        yield
    finally:
        _here = ALONE


@contextmanager
def together(ranks: Ranks) -> Iterator[None]:
    """In this context the ranks share every batch and every pass over pairs: all of them do the
    same at the same time."""
    global _sharing
    before, _sharing = _sharing, ranks
    try:
        yield
    finally:
        _sharing = before
