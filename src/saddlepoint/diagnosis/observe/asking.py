"""Asks the discriminator about other images, called as the loop calls it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from saddlepoint.diagnosis.observe.outputs import are_labels, detached, logits_of, per_image


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
