"""The discriminator asked about other images, in the way in which the loop asks it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.roles import logits_of, per_image


class Asking:
    """Calls a discriminator as the loop was seen to call it."""

    def __init__(self, discriminator: nn.Module) -> None:
        self.discriminator = discriminator
        self._shape: torch.Size | None = None
        self._more: tuple[Any, ...] | None = None

    def saw(self, images: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A call of the loop: its images, and what it gave beside them."""
        self._shape = images.shape[1:]
        self._more = None if kwargs else args[1:]

    def can(self, n_numbers: int, with_labels: bool) -> bool:
        """Whether it can be asked about images of so many numbers, with labels or without."""
        if self._more is None or self._shape is None or self._shape.numel() != n_numbers:
            return False
        wants = [a for a in self._more if isinstance(a, Tensor)]
        return not wants or (with_labels and len(wants) == 1 and are_labels(wants[0]))

    def __call__(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Its outputs for images [n, ...], one an image or, packed, one for several."""
        assert self._shape is not None
        assert self._more is not None
        weight = next(self.discriminator.parameters())
        images = images.to(weight.dtype).reshape(len(images), *self._shape)
        more = [labels if isinstance(a, Tensor) else a for a in self._more]
        outputs = logits_of(self.discriminator(images, *more), len(images))
        assert outputs is not None
        return per_image(outputs).float()


def are_labels(value: Any) -> bool:
    """True for int64 [n] and its like."""
    return isinstance(value, Tensor) and value.dim() == 1 and not value.is_floating_point()
