"""Random changes to a batch of real images; the caller brings the randomness."""

from __future__ import annotations

import torch
from torch import Tensor

from saddlepoint.core.config import Augment


def apply(augment: Augment, images: Tensor, generator: torch.Generator) -> Tensor:
    """float32 [n, c, h, w] -> the same shape and memory format, changed as `augment` says.

    Args:
        generator: on the CPU, so that every device draws the same.
    """
    if not augment.mirror:
        return images
    flip = torch.rand(len(images), generator=generator) < 0.5
    flip = flip.to(images.device, non_blocking=True)[:, None, None, None]
    return torch.where(flip, images.flip(3), images)
