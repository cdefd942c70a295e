"""Nets that have shapes and no values: to compare them with a file, or to be given its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


@contextmanager
def unfilled() -> Iterator[None]:
    """Modules built inside are on the meta device, which takes no memory, and draw no weights."""
    with torch.device("meta"), _NoWeights():
        yield


class _NoWeights(TorchFunctionMode):
    """torch draws even what nobody keeps, on the meta device in Python: for the first of them it
    imports its compiler, which takes as long as all the rest of `saddle sample`."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else given["tensor"]
        return func(*args, **given)
