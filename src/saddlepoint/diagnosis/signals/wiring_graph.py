"""What autograd's graph and the modules tell about how a net ends and what a tensor came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

REACH = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
"""What a last operation can give at most."""

# Operations that pass values on unchanged: what lies under them is the last real operation.
_CARRIERS = re.compile(
    "(Unsafe)?View|_?Reshape(Alias)?|Squeeze|Unsqueeze|Flatten|Clone|ToCopy|Alias|Permute|"
    "Transpose|T|Select|Slice|Expand|BackwardHookFunction|Identity"
)
_NODES = 400  # how far a graph is followed; a discriminator's input lies near its fakes


def last_operation(tensor: Tensor, net: nn.Module) -> str | None:
    """`sigmoid` or `tanh` where that made `tensor`; "" for anything else; None when unknown.

    The graph knows it even for a function that is no module. Without a graph, or with a compiled
    one, the net's last module has to do.
    """
    node = tensor.grad_fn
    while node is not None and _carries(node.name()):
        node = node.next_functions[0][0]
    if node is None or "Compiled" in node.name():
        return _last_module(net)
    for name in REACH:
        if node.name().lower().startswith(name):
            return name
    return ""


def comes_from(tensor: Tensor, origins: set[Any]) -> bool:
    """True when the graph of `tensor` contains one of these nodes near its end."""
    seen, front = set(), [tensor.grad_fn]
    while front and len(seen) < _NODES:
        node = front.pop(0)
        if node is None or node in seen:
            continue
        if node in origins:
            return True
        seen.add(node)
        front.extend(following for following, _ in node.next_functions)
    return False


def batch_norms(net: nn.Module) -> Iterator[nn.Module]:
    """The layers whose output depends on the other images of the batch."""
    for module in net.modules():
        # The common base of BatchNorm, SyncBatchNorm and their lazy kin; InstanceNorm is another.
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            yield module


def _carries(name: str) -> bool:
    return _CARRIERS.fullmatch(re.sub(r"Backward\d*$", "", name)) is not None


def _last_module(net: nn.Module) -> str | None:
    leaves = [module for module in net.modules() if not list(module.children())]
    if not leaves:
        return None
    name = type(leaves[-1]).__name__.lower()
    return name if name in REACH else None
