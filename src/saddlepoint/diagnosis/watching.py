"""Hooks on a loop's nets and optimisers: they look, and change nothing."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

OnCall = Callable[[tuple, dict, Any], None]
"""Arguments, keyword arguments and result of a net's forward pass."""


class Watch:
    """A hook that copies and pickles into nothing: a copy of a net is not the net watched.

    It holds its receiver weakly, so that a forgotten doctor is not kept alive by the nets.
    """

    def __init__(self, receiver: Callable[..., None] | None = None) -> None:
        self._receiver = None if receiver is None else weakref.WeakMethod(receiver)

    def __call__(self, *seen: Any) -> None:
        receiver = None if self._receiver is None else self._receiver()
        if receiver is not None:
            receiver(*seen)

    def __deepcopy__(self, memo: dict) -> Watch:
        return Watch()

    def __reduce__(self) -> tuple:
        return (Watch, ())


class _CallWatch(Watch):
    """A forward hook with keyword arguments."""

    def __call__(self, *seen: Any) -> None:
        super().__call__(*seen[1:])  # without the module

    def __deepcopy__(self, memo: dict) -> Watch:
        return _CallWatch()

    def __reduce__(self) -> tuple:
        return (_CallWatch, ())


class _CompiledWatch:
    """In the place of the call that `net.compile()` made: a hook inside it would be compiled."""

    def __init__(self, call: Callable[..., Any], watch: Watch) -> None:
        self.call, self.watch = call, watch

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self.call(*args, **kwargs)
        self.watch(args, kwargs, result)
        return result


def watch_calls(net: nn.Module, receiver: OnCall) -> Callable[[], None]:
    """Call `receiver` after every forward pass of `net`; returns what ends it."""
    compiled = net._compiled_call_impl
    if compiled is not None:
        net._compiled_call_impl = _CompiledWatch(compiled, Watch(receiver))

        def end() -> None:
            net._compiled_call_impl = compiled

        return end
    return net.register_forward_hook(_CallWatch(receiver), with_kwargs=True).remove


def watch_steps(
    optimizer: torch.optim.Optimizer,
    before: Callable[..., None],
    after: Callable[..., None],
) -> Callable[[], None]:
    """Call `before` and `after` around every step that the optimiser really takes.

    A step that an AMP scaler skips, because of a gradient that is not finite, is none.
    """
    handles = (
        optimizer.register_step_pre_hook(Watch(before)),
        optimizer.register_step_post_hook(Watch(after)),
    )

    def end() -> None:
        for handle in handles:
            handle.remove()

    return end
