"""The user's real images, read once, however they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.diagnosis.observe.isolation import own_randomness

Real = Tensor | tuple | list | Iterable[Any] | Callable[[int], Any]
"""A batch of images, images with labels, a DataLoader (or any iterable of batches that starts
anew each time), or a function of how many images are wanted."""

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
    if isinstance(real, Iterator):
        raise InputError(
            "Doctor(real=...) got an iterator, which reading would use up; give the DataLoader "
            "itself, a batch of images, or a function n -> images."
        )
    with own_randomness(seed=0):
        if isinstance(real, Tensor) or _is_pair(real):
            batches: Iterable[Any] = [real]
        elif callable(real):
            batches = _called(real)
        elif isinstance(real, Iterable):
            batches = real
        else:
            raise InputError(
                f"Doctor(real=...) got {type(real).__name__}; give a batch of images, a DataLoader "
                "or a function n -> images."
            )
        images, labels = _gather(batches)
    n = affordable(images[0].numel())
    if labels is not None and len(labels) != len(images):
        labels = None
    return images[:n], None if labels is None else labels[:n]


def affordable(numbers: int) -> int:
    """How many images of so many numbers each the doctor reads: 64 MiB of them, within limits."""
    return max(_FEWEST, min(N_READ, 2**24 // max(1, numbers)))


def _called(real: Callable[[int], Any]) -> Iterator[Any]:
    """Two images first, to know how many can be afforded."""
    few = real(2)
    yield real(affordable(split_batch(few)[0][0].numel()))


def _gather(batches: Iterable[Any]) -> tuple[Tensor, Tensor | None]:
    images: list[Tensor] = []
    labels: list[Tensor] = []
    for batch in batches:
        x, y = split_batch(batch)
        images.append(x.detach().cpu().float())
        if y is not None:
            labels.append(y.detach().cpu())
        if sum(map(len, images)) >= affordable(x[0].numel()):
            break
    if not images or not len(images[0]):
        raise InputError("Doctor(real=...) holds no images; give some that the loop trains on.")
    shapes = {tuple(x.shape[1:]) for x in images}
    if len(shapes) > 1:
        raise InputError(
            f"Doctor(real=...) holds images of several shapes ({sorted(shapes)[:2]}); give them "
            "as the discriminator gets them."
        )
    return torch.cat(images), torch.cat(labels) if labels else None


def split_batch(batch: Any) -> tuple[Tensor, Tensor | None]:
    """The images and the labels of one batch: a tensor, (images, labels, ...) or a dict.

    Raises:
        InputError: there are no images in it.
    """
    if isinstance(batch, Tensor):
        return batch, None
    images, labels = None, None
    if isinstance(batch, dict):
        images = next((batch[key] for key in _IMAGE_KEYS if key in batch), None)
        labels = next((batch[key] for key in _LABEL_KEYS if key in batch), None)
    elif isinstance(batch, list | tuple) and batch:
        images = batch[0]
        labels = batch[1] if len(batch) > 1 else None
    if not isinstance(images, Tensor):
        raise InputError(
            f"Doctor(real=...) gave a batch of type {type(batch).__name__} without a tensor of "
            "images in it; give tensors, or pairs (images, labels)."
        )
    whole = isinstance(labels, Tensor) and labels.dim() == 1 and not labels.is_floating_point()
    return images, labels.long() if whole and labels is not None else None


def _is_pair(real: Any) -> bool:
    """(images, labels) rather than a list of batches."""
    if not isinstance(real, tuple) or not real or not isinstance(real[0], Tensor):
        return False
    return len(real) == 1 or (isinstance(real[1], Tensor) and real[1].dim() == 1)
