"""The images and the judgement in whatever a net takes or returns."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeGuard

import torch
from torch import Tensor


def logits_of(output: object, n: int) -> Tensor | None:
    """The judgement in what a discriminator returns for n images; None where there is none.

    It is a tensor whose first dimension is n; of several (heads, features) the one with fewest
    numbers. Where images are packed, one number stands for several of them.
    """
    floats = [t for t in tensors_in(output) if t.dim() > 0 and t.is_floating_point() and len(t)]
    found = [t for t in floats if len(t) == n]
    if not found:
        found = [t for t in floats if n % len(t) == 0 and 1 < t.numel() == len(t)]
    return min(found, key=lambda t: t.numel()) if found else None


def images_of(output: object) -> Tensor | None:
    """The images in what a generator returns: a tensor, or the largest of several."""
    found = [t for t in tensors_in(output) if t.dim() > 1 and t.is_floating_point()]
    return max(found, key=lambda t: t.numel()) if found else None


def images_among(inputs: object, shapes: Collection[torch.Size]) -> Tensor | None:
    """The images in what a discriminator is given: what is shaped as the generator's images (one of
    `shapes`, each without the batch), else the first tensor of floats."""
    floats = [t for t in tensors_in(inputs) if t.is_floating_point() and t.dim() > 0]
    return next((t for t in floats if t.shape[1:] in shapes), floats[0] if floats else None)


def per_image(outputs: Tensor) -> Tensor:
    """[n]: the mean over a map of patches."""
    return outputs if outputs.dim() == 1 else outputs.flatten(1).mean(1)


def are_labels(value: object) -> TypeGuard[Tensor]:
    """True for int64 [n] and its like."""
    return isinstance(value, Tensor) and value.dim() == 1 and not value.is_floating_point()


def detached(value: Any) -> Any:
    """A tensor without its graph; anything else as it is."""
    return value.detach() if isinstance(value, Tensor) else value


def tensors_in(value: object) -> list[Tensor]:
    """All tensors in nested tuples, lists and dicts, in their order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [t for item in value for t in tensors_in(item)]
    return []
