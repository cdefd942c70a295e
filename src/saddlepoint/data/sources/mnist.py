"""MNIST: handwritten digits."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.registry import register
from saddlepoint.data.sources._mnist_like import MnistLike


@register("mnist")
@dataclass(frozen=True, kw_only=True)
class Mnist(MnistLike):
    """60,000 + 10,000 grey handwritten digits, 28x28, ten classes.

    Paper: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", 1998.
    """
