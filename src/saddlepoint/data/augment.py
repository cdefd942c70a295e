"""Random changes to images: to real ones, or to everything that the discriminator sees."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from saddlepoint.core.config import Augment
from saddlepoint.core.ranks import sharing


def mirrored(images: Tensor, which: Tensor) -> Tensor:
    """float32 [n, c, h, w] and bool [n] -> those of `which` flipped left-right, channels_last."""
    return torch.where(which[:, None, None, None], images.flip(3), images)


def differentiable(augment: Augment, images: Tensor) -> Tensor:
    """float32 [n, c, h, w], real or generated -> the same, each image shifted and with a hole.

    Real and generated images are both changed, so the changes do not leak into the samples;
    gradients pass through. The draws come from torch's global generator.
    Paper: Zhao et al. 2020, https://arxiv.org/abs/2006.10738, section 3.3 (DiffAugment).
    """
    if augment.translation > 0:
        images = _translate(images, augment.translation)
    if augment.cutout > 0:
        images = images * _cutout_mask(images, augment.cutout)
    return images


def _translate(images: Tensor, share: float) -> Tensor:
    """Shift each image by up to `share` of its sides; what is shifted in is 0."""
    n, _, height, width = images.shape
    most = (round(share * height), round(share * width))
    places = []
    for length, limit in zip((height, width), most, strict=True):
        shift = _drawn(-limit, limit + 1, images)
        place = torch.arange(length, device=images.device) + shift
        places.append((place + 1).clamp(0, length + 1))  # 0 and length + 1 are the border below
    rows, columns = places
    bordered = pad(images, (1, 1, 1, 1))
    each = torch.arange(n, device=images.device)[:, None, None]
    moved = bordered.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _cutout_mask(images: Tensor, share: float) -> Tensor:
    """float32 [n, 1, h, w]: 0 in a square of `share` of the sides around a random place, else 1."""
    _, _, height, width = images.shape
    inside = []
    for length in (height, width):
        centre = _drawn(0, length, images)
        distance = torch.arange(length, device=images.device) - centre
        side = round(share * length)
        inside.append((distance >= -(side // 2)) & (distance < side - side // 2))
    rows, columns = inside
    return 1 - (rows[:, :, None] & columns[:, None, :]).unsqueeze(1).to(images.dtype)


def _drawn(low: int, high: int, images: Tensor) -> Tensor:
    """int64 [n, 1] from low to high - 1, one number for each image."""
    device = images.device
    return sharing().drawn(lambda n: torch.randint(low, high, (n, 1), device=device), len(images))
