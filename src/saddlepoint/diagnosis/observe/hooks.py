"""Hooks on a loop's nets, optimisers and tensors: they observe and change nothing.

Autograd keeps the hooks of tensors in C++, where Python's garbage collector cannot follow. A hook
that held the doctor, or the very tensor that it hangs on, would close a circle that is never freed,
and with it both nets. So every hook here holds its watcher weakly.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

End = Callable[[], None]
"""Removes a hook."""


class Owner(Protocol):
    """Whom a failure detaches from the loop."""

    n_steps: int

    def detach(self) -> None: ...


class Safety:
    """Runs what the hooks call for, one at a time, and detaches its owner at the first failure."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.active = True
        self._busy = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Every hook does nothing in this context."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def __call__(self, action: Callable[..., None], *args: Any) -> None:
        """Call `action`, unless a hook hears the doctor's own passes through the nets."""
        if not self.active or self._busy:
            return
        self._busy = True
        try:
            action(*args)
        except Exception as error:  # the doctor's own failure, whatever it is
            self.owner.detach()
            reason = str(error).partition("\n")[0]
            warnings.warn(
                f"The doctor stopped watching after {self.owner.n_steps} steps, because it failed "
                f"itself ({type(error).__name__}: {reason}); training goes on untouched.",
                RuntimeWarning,
                stacklevel=2,
            )
        finally:
            self._busy = False


class Hook:
    """Calls a watcher's method while the watcher lives. Copied or pickled it is empty: a copy of a
    net is not the net that is watched.

    Args:
        method: of a watcher, whose `safely` (a Safety) it is called through.
        given: what it gets before what the hook sees. It must not hold a graph.
    """

    def __init__(self, method: Any = None, *given: Any) -> None:
        self._method = None if method is None else weakref.WeakMethod(method)
        self._given = given

    def __call__(self, *seen: Any) -> None:
        method = None if self._method is None else self._method()
        if method is not None:
            method.__self__.safely(method, *self._given, *seen)

    def __deepcopy__(self, memo: dict) -> Hook:
        return Hook()

    def __reduce__(self) -> tuple:
        return (Hook, ())


def watch_calls(net: nn.Module, method: Callable[[Any, tuple, dict, Any], None]) -> End:
    """Call `method(net, args, kwargs, result)` after every forward pass of `net`."""
    compiled = net._compiled_call_impl
    if compiled is None:
        return net.register_forward_hook(Hook(method), with_kwargs=True).remove
    hook = Hook(method)

    # A hook inside what `net.compile()` made would be compiled too, so this goes around it.
    def call(*args: Any, **kwargs: Any) -> Any:
        result = compiled(*args, **kwargs)
        hook(None, args, kwargs, result)
        return result

    net._compiled_call_impl = call

    def end() -> None:
        net._compiled_call_impl = compiled

    return end


def watch_steps(
    optimizer: torch.optim.Optimizer,
    before: Callable[..., None],
    after: Callable[..., None],
    player: str,
) -> End:
    """Call `before(player, optimizer, ...)` and `after(player, ...)` around every step that the
    optimiser really takes. A step that an AMP scaler skips, because a gradient is not finite, is
    none."""
    handles = (
        optimizer.register_step_pre_hook(Hook(before, player)),
        optimizer.register_step_post_hook(Hook(after, player)),
    )

    def end() -> None:
        for handle in handles:
            handle.remove()

    return end


def watch_gradient(tensor: Tensor, method: Callable[..., None], *given: Any) -> End:
    """Call `method(*given, gradient)` whenever a gradient arrives at `tensor`."""
    return tensor.register_hook(Hook(method, *given)).remove
