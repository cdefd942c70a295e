"""The training image nearest to a sample by its pixels alone: no features have to be learned."""

from __future__ import annotations

import numpy as np
import torch

from saddlepoint.core.contracts import Dataset

MOST_VALUES = 2**28
"""Pixels that are looked at, colours apart: about a second on two cores."""
PORTION = 2**20
"""Pixels in memory at once, as float32."""


def nearest_by_pixels(images: np.ndarray, train: Dataset) -> tuple[np.ndarray, int]:
    """For each of some images, the training image at the least Euclidean distance.

    Args:
        images: uint8 [n, h, w, c], of the size of the training images.

    Returns:
        int64 [n], numbers among the training images, and how many of these were looked at: all, or
        of a large set as many as hold MOST_VALUES, evenly apart.
    """
    size = int(np.prod(images.shape[1:]))
    step = -(-len(train) * size // MOST_VALUES)
    looked_at = np.arange(0, len(train), step)
    own = torch.from_numpy(images).flatten(1).float()
    best = torch.full((len(own),), torch.inf)
    nearest = torch.zeros(len(own), dtype=torch.int64)
    at_once = max(1, PORTION // size)
    for first in range(0, len(looked_at), at_once):
        numbers = looked_at[first : first + at_once]
        part = torch.from_numpy(train.images[numbers]).flatten(1).float()
        # |a - b|^2 without |a|^2, which is the same for all b.
        distance = part.square().sum(1) - 2 * own @ part.T
        least, place = distance.min(1)
        closer = least < best
        best = torch.where(closer, least, best)
        nearest = torch.where(closer, torch.from_numpy(numbers)[place], nearest)
    return nearest.numpy(), len(looked_at)
