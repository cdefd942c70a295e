"""The user's real images, read once, however they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.diagnosis.observe.inputs import are_labels
from saddlepoint.diagnosis.observe.isolation import own_randomness

Real = Tensor | tuple | list | Iterable[Any] | Callable[[int], Any]
"""A batch of images, images with labels, a DataLoader (or any iterable of batches that starts
from the start each time), or a function of how many images are wanted."""

N_READ = 1536
"""Real images that are read at most: 1,024 to compare with, 512 held back."""
_FEWEST = 256
_IMAGE_KEYS = ("images", "image", "pixel_values", "x", "img")
_LABEL_KEYS = ("labels", "label", "y", "target")


def read_real(real: Real) -> tuple[Tensor, Tensor | None]:
    """Up to 1,536 images, float [n, ...] on the CPU, and their labels int64 [n] where there are
    any; fewer of large images.

    No random stream of the caller's is drawn from.

    Raises:
        InputError: it holds no images, or would be used up by reading.
    """
    images: list[Tensor] = []
    labels: list[Tensor] = []
    with own_randomness(seed=0):
        for batch in _batches(real):
            x, y = _split(batch)
            images.append(x.detach().cpu().float())
            labels += [] if y is None else [y.detach().cpu()]
            if sum(map(len, images)) >= _affordable(x):
                break
    if not sum(map(len, images)):
        raise InputError("Doctor(real=...) holds no images; give some that the loop trains on.")
    shapes = {tuple(x.shape[1:]) for x in images}
    if len(shapes) > 1:
        raise InputError(
            f"Doctor(real=...) holds images of several shapes ({sorted(shapes)[:2]}); give them "
            "as the discriminator gets them."
        )
    read, n = torch.cat(images), _affordable(images[0])
    all_known = sum(map(len, labels)) == len(read)
    return read[:n], torch.cat(labels)[:n] if all_known else None


def _affordable(images: Tensor) -> int:
    """How many images of this size are read: 64 MiB of them, within limits."""
    return max(_FEWEST, min(N_READ, 2**24 // max(1, images[:1].numel())))


def _batches(real: Real) -> Iterable[Any]:
    if isinstance(real, Iterator):
        raise InputError(
            "Doctor(real=...) got an iterator, which reading would use up; give the DataLoader "
            "itself, a batch of images, or a function n -> images."
        )
    if isinstance(real, Tensor) or _is_pair(real):
        return [real]
    if callable(real):
        # Two images first, to know how many of their size can be afforded.
        few, _ = _split(real(2))
        return [real(_affordable(few))]
    if isinstance(real, Iterable):
        return real
    raise InputError(
        f"Doctor(real=...) got {type(real).__name__}; give a batch of images, a DataLoader "
        "or a function n -> images."
    )


def _split(batch: Any) -> tuple[Tensor, Tensor | None]:
    """The images and the labels of one batch: a tensor, (images, labels, ...) or a dict.

    Raises:
        InputError: there are no images in it.
    """
    images, labels = batch, None
    if isinstance(batch, dict):
        images = next((batch[key] for key in _IMAGE_KEYS if key in batch), None)
        labels = next((batch[key] for key in _LABEL_KEYS if key in batch), None)
    elif isinstance(batch, list | tuple):
        images, labels = [*batch, None, None][:2]
    if not isinstance(images, Tensor):
        raise InputError(
            f"Doctor(real=...) gave a batch of type {type(batch).__name__} without a tensor of "
            "images in it; give tensors, or pairs (images, labels)."
        )
    return images, labels.long() if are_labels(labels) else None


def _is_pair(real: Any) -> bool:
    """(images, labels) rather than a tuple of batches."""
    if not isinstance(real, tuple) or not real or not isinstance(real[0], Tensor):
        return False
    return all(isinstance(y, Tensor) and y.dim() == 1 for y in real[1:2])
