"""The two ways of resizing images to the network's input; their FIDs cannot be compared.

Paper: Parmar, Zhang and Zhu 2022, https://arxiv.org/abs/2104.11222, on what the choice does to FID.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def tf1_bilinear(images: Tensor, size: int) -> Tensor:
    """TensorFlow 1's `resize_bilinear`, with which FID was defined.

    Row i of the result is read at row i * height / size of the image, without the half-pixel shift
    that is usual today and without antialiasing: the result is shifted slightly to the lower right,
    and shrinking by more than two skips pixels. Published numbers include both effects.

    Args:
        images: uint8 [n, h, w, c], on any device.

    Returns:
        float32 [n, c, size, size] in 0..255, on the same device.
    """
    x = images.permute(0, 3, 1, 2).float()
    low, high, share = _neighbours(x.shape[3], size, x.device)
    left = x[..., low]
    x = left + (x[..., high] - left) * share
    low, high, share = _neighbours(x.shape[2], size, x.device)
    top = x[..., low, :]
    return top + (x[..., high, :] - top) * share[:, None]


def _neighbours(inputs: int, outputs: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """-> indices of the pixels before and after each position, and the weight of the one after.

    In float32 as in TensorFlow: the last bits of the weight depend on that.
    """
    step = torch.tensor(inputs / outputs, dtype=torch.float32, device=device)
    place = torch.arange(outputs, dtype=torch.float32, device=device) * step
    low = place.long()
    return low, (low + 1).clamp(max=inputs - 1), place - low


def antialiased_bicubic(images: Tensor, size: int) -> Tensor:
    """Pillow's antialiased bicubic filter, channel by channel in floating point.

    Overshoots are clipped to 0..255; nothing is rounded.

    Args:
        images: uint8 [n, h, w, c], on any device.

    Returns:
        float32 [n, c, size, size] in 0..255, on the same device.
    """
    n, _, _, channels = images.shape
    pixels = images.permute(0, 3, 1, 2).float().cpu().numpy()
    resized = np.empty((n, channels, size, size), np.float32)
    for index in np.ndindex(n, channels):
        plane = Image.fromarray(pixels[index])  # float32: Pillow's mode F
        resized[index] = np.asarray(plane.resize((size, size), Image.Resampling.BICUBIC))
    return torch.from_numpy(resized.clip(0, 255)).to(images.device)
