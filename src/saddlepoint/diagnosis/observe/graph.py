"""What autograd's graph and the modules tell: how a net ends, and which call made a tensor."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn

REACH = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
"""The least and the greatest value that a last operation can give."""

# Operations that pass values on unchanged: what lies under them is the last real operation.
_CARRIERS = re.compile(
    "(Unsafe)?View|_?Reshape(Alias)?|Squeeze|Unsqueeze|Flatten|Clone|ToCopy|Alias|Permute|"
    "Transpose|T|Select|Slice|Expand|BackwardHookFunction|Identity"
)
_NODES = 400  # how far a graph is followed; a discriminator's input lies near its fakes
_MARK = "saddlepoint made"


def mark(images: Tensor, made: object) -> None:
    """Leave a note in the graph of `images`. A reference to the graph itself would keep every
    activation in memory that it needs."""
    if images.grad_fn is not None:
        _notes(images.grad_fn)[_MARK] = made


def marked(tensor: Tensor) -> Any:
    """The nearest note in the graph of a tensor; None where there is none near its end."""
    seen, front = set(), deque([tensor.grad_fn])
    while front and len(seen) < _NODES:
        node = front.popleft()
        if node is None or node in seen:
            continue
        if _MARK in _notes(node):
            return _notes(node)[_MARK]
        seen.add(node)
        front.extend(following for following, _ in node.next_functions)
    return None


def last_operation(tensor: Tensor, net: nn.Module) -> str | None:
    """`sigmoid` or `tanh` where that made `tensor`; "" for anything else; None when unknown.

    The graph knows it even for a function that is not a module. Without a graph, or with a compiled
    one, the net's last module decides.
    """
    node = tensor.grad_fn
    while node is not None and _CARRIERS.fullmatch(re.sub(r"Backward\d*$", "", node.name())):
        node = node.next_functions[0][0]
    if node is None or "Compiled" in node.name():
        return _last_module(net)
    return next((name for name in REACH if node.name().lower().startswith(name)), "")


def batch_norms(net: nn.Module) -> Iterator[nn.Module]:
    """The layers whose output depends on the other images of the batch."""
    for module in net.modules():
        # The common base of BatchNorm, SyncBatchNorm and the lazy ones; InstanceNorm has another.
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            yield module


def learning_norms(net: nn.Module) -> list[nn.Module]:
    """Its BatchNorm layers without those that are frozen while the rest learns: they may run on
    their running statistics, as in fine-tuning."""
    if not any(p.requires_grad for p in net.parameters()):  # frozen for a step of the other net
        return list(batch_norms(net))
    found = []
    for layer in batch_norms(net):
        parameters = list(layer.parameters())
        if not parameters or any(p.requires_grad for p in parameters):
            found.append(layer)
    return found


def evaluates(layers: Iterable[nn.Module]) -> bool:
    """Whether one of these BatchNorm layers runs on its running statistics."""
    return any(not m.training and getattr(m, "running_mean", None) is not None for m in layers)


def _notes(node: Any) -> dict[str, Any]:
    """The dictionary that torch keeps with each node, for debugging."""
    return node.metadata


def _last_module(net: nn.Module) -> str | None:
    leaves = [module for module in net.modules() if not list(module.children())]
    name = type(leaves[-1]).__name__.lower() if leaves else ""
    return name if name in REACH else None
