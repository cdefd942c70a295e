"""What a net is called with and returns, in whatever shape, and how to ask it again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Inputs:
    """What a net was called with, without graphs."""

    images: Tensor
    items: dict[int | str, Any]
    """Every argument, by its number or its name."""
    place: int | str | None
    """Which of them the images are; None where they are inside of one."""

    @classmethod
    def of(cls, images: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Inputs:
        given: dict[int | str, Any] = {**dict(enumerate(args)), **kwargs}
        place = next((place for place, item in given.items() if item is images), None)
        return cls(images.detach(), {p: detached(item) for p, item in given.items()}, place)

    def can_hold(self, n_numbers: int, with_labels: bool) -> bool:
        """Whether images of this many numbers each, with labels or without, can take the place."""
        if self.place is None or self.images[0].numel() != n_numbers:
            return False
        others = [a for p, a in self.items.items() if p != self.place and isinstance(a, Tensor)]
        return not others or (with_labels and len(others) == 1 and are_labels(others[0]))

    def ask(self, net: nn.Module, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """The outputs float32 [n] for other images [n, ...] in the place of these, or fewer where
        images are packed.

        Args:
            labels: int64 [n]; by default the labels of the first n images of the loop's call.
        """
        n = len(images)
        # Outside of the loop's autocast the net takes its own type alone.
        dtype = next(net.parameters()).dtype

        def changed(place: int | str, item: Any) -> Any:
            if place == self.place:
                item = images.reshape(n, *self.images.shape[1:])
            elif not isinstance(item, Tensor):
                return item
            elif labels is not None and are_labels(item):
                return labels
            elif item.dim() > 0 and len(item) == len(self.images):
                item = item[:n]
            return item.to(dtype) if item.is_floating_point() else item

        items = {place: changed(place, item) for place, item in self.items.items()}
        args = [item for place, item in items.items() if isinstance(place, int)]
        kwargs = {place: item for place, item in items.items() if isinstance(place, str)}
        outputs = logits_of(net(*args, **kwargs), n)
        assert outputs is not None
        return per_image(outputs).float()


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
