"""Hooks on a loop's nets, optimisers and tensors: they observe and change nothing.

Autograd keeps the hooks of tensors in C++, where Python's garbage collector cannot follow. A hook
that held the doctor, or the very tensor that it hangs on, would close a circle that is never freed,
and with it both nets. So every hook here holds its receiver weakly.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

OnCall = Callable[[tuple, dict, Any], None]
"""Arguments, keyword arguments and result of a net's forward pass."""
End = Callable[[], None]
"""Takes a hook away."""


class Hook:
    """Calls a method while its object lives. Copied or pickled it is empty: a copy of a net is not
    the net that is watched.

    Args:
        given: what the method gets before what the hook sees. It must not hold a graph.
    """

    def __init__(self, receiver: Callable[..., None] | None = None, *given: Any) -> None:
        self._receiver = None if receiver is None else weakref.WeakMethod(receiver)
        self._given = given

    def __call__(self, *seen: Any) -> None:
        receiver = None if self._receiver is None else self._receiver()
        if receiver is not None:
            receiver(*self._given, *seen)

    def __deepcopy__(self, memo: dict) -> Hook:
        return type(self)()

    def __reduce__(self) -> tuple:
        return (type(self), ())


class _CallHook(Hook):
    """A forward hook with keyword arguments; it drops the module."""

    def __call__(self, *seen: Any) -> None:
        super().__call__(*seen[1:])


class _CompiledCall:
    """Stands in for what `net.compile()` made: a hook inside it would be compiled."""

    def __init__(self, call: Callable[..., Any], hook: Hook) -> None:
        self.call, self.hook = call, hook

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self.call(*args, **kwargs)
        self.hook(args, kwargs, result)
        return result


def watch_calls(net: nn.Module, receiver: OnCall) -> End:
    """Call `receiver` after every forward pass of `net`."""
    compiled = net._compiled_call_impl
    if compiled is None:
        return net.register_forward_hook(_CallHook(receiver), with_kwargs=True).remove
    net._compiled_call_impl = _CompiledCall(compiled, Hook(receiver))

    def end() -> None:
        net._compiled_call_impl = compiled

    return end


def watch_steps(
    optimizer: torch.optim.Optimizer,
    before: Callable[..., None],
    after: Callable[..., None],
    player: str,
) -> End:
    """Call `before(player, optimizer, ...)` and `after(...)` around every step that the optimiser
    really takes. A step that an AMP scaler skips, because a gradient is not finite, is none."""
    handles = (
        optimizer.register_step_pre_hook(Hook(before, player)),
        optimizer.register_step_post_hook(Hook(after, player)),
    )

    def end() -> None:
        for handle in handles:
            handle.remove()

    return end


def watch_gradient(tensor: Tensor, receiver: Callable[..., None], *given: Any) -> End:
    """Call `receiver(*given, gradient)` whenever a gradient arrives at `tensor`."""
    return tensor.register_hook(Hook(receiver, *given)).remove
