"""The discriminator asked about other images, in the way in which the loop calls it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from saddlepoint.diagnosis.observe.outputs import are_labels, logits_of, per_image


@dataclass(frozen=True)
class Inputs:
    """What a net was called with, without graphs."""

    images: Tensor
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    place: int | str | None
    """Where the images are among the two; None where they are inside of something."""

    @classmethod
    def of(cls, images: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Inputs:
        places = [*enumerate(args), *kwargs.items()]
        place = next((place for place, item in places if item is images), None)
        plain = [a.detach() if isinstance(a, Tensor) else a for a in args]
        named = {k: a.detach() if isinstance(a, Tensor) else a for k, a in kwargs.items()}
        return cls(images.detach(), tuple(plain), named, place)

    def can_hold(self, n_numbers: int, with_labels: bool) -> bool:
        """Whether images of so many numbers each, with labels or without, can take the place."""
        if self.place is None or self.images[0].numel() != n_numbers:
            return False
        others = [a for place, a in self._items() if place != self.place and isinstance(a, Tensor)]
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

        items = {place: changed(place, item) for place, item in self._items()}
        args = [item for place, item in items.items() if isinstance(place, int)]
        kwargs = {place: item for place, item in items.items() if isinstance(place, str)}
        outputs = logits_of(net(*args, **kwargs), n)
        assert outputs is not None
        return per_image(outputs).float()

    def _items(self) -> list[tuple[int | str, Any]]:
        return [*enumerate(self.args), *self.kwargs.items()]
