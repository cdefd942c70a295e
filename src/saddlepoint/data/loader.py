"""Batches of real data in an order that is a function of (seed, n_images).

There is no state to save: the items of a batch follow from how many images were shown before it,
so a resumed run reads exactly what an uninterrupted one would have read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.config import Augment
from saddlepoint.core.contracts import Batch, Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.ranks import sharing
from saddlepoint.data import augment as augmentation
from saddlepoint.data.ahead import Ahead
from saddlepoint.data.order import Order

MAX_RESIDENT_BYTES = 2 * 2**30
"""Larger data sets stay a memory map on disk, unless the device has more room."""


class Items(NamedTuple):
    """A batch as it is stored, on the device."""

    raw: Tensor
    """uint8 [n, h, w, c], or float32 [n, 2] for points."""
    labels: Tensor | None
    """int64 [n], or None."""
    mirror: Tensor | None
    """bool [n]: which images to flip; None where none are."""


class DeviceData:
    """A data set as uint8 on the device; what does not fit is read while the device works.

    Every epoch shows each item once, in the order of `order.py`; a batch may span two epochs.
    """

    def __init__(
        self,
        dataset: Dataset,
        device: torch.device | str = "cpu",
        seed: int = 0,
        max_resident_bytes: int | None = None,
    ) -> None:
        """
        Args:
            seed: fixes the order and the augmentation.
            max_resident_bytes: larger data sets are not copied to the device; by default 2 GiB,
                or half of the free memory of a CUDA device.

        Raises:
            InputError: no items.
        """
        if len(dataset) == 0:
            raise InputError(f"{dataset.name} has no items; give data with at least one.")
        self.dataset = dataset
        self.device = torch.device(device)
        self.seed = seed
        limit = _room(self.device) if max_resident_bytes is None else max_resident_bytes
        self.is_resident = dataset.images.nbytes <= limit
        item_bytes = dataset.images.nbytes // len(dataset)
        where = self.device if self.is_resident else "cpu"
        self._order = Order(len(dataset), seed, dataset.shards, item_bytes, where)
        self._images, self._ahead = None, None
        if self.is_resident:
            self._images = _to_tensor(np.asarray(dataset.images), self.device)
        else:
            self._ahead = Ahead(self._order, self._read, bool(dataset.shards))
        labels = dataset.labels
        self._labels = None if labels is None else _to_tensor(labels, self.device)

    def __len__(self) -> int:
        return len(self.dataset)

    def batch(self, n_images: int, batch_size: int, augment: Augment | None = None) -> Batch:
        """The next `batch_size` items after `n_images` were shown.

        Args:
            augment: random changes, drawn from (seed, "augment", n_images); None for none.

        Returns:
            images float32 [n, c, h, w] in [-1, 1] (channels_last), or points [n, 2]; labels int64
            [n] or None. Nothing is read back from the device.

        Raises:
            InputError: mirroring asked for points.
        """
        return as_batch(self.items(n_images, batch_size, augment, ahead=False))

    def items(
        self,
        n_images: int,
        batch_size: int,
        augment: Augment | None = None,
        with_labels: bool = True,
        ahead: bool = True,
    ) -> Items:
        """What `batch` makes its images of: all that has to be looked up or drawn for them, of
        this rank's items where several share the batch.

        Args:
            ahead: the next call will be for the items that follow: they are read meanwhile.

        Raises:
            InputError: mirroring asked for points.
        """
        mine = sharing().mine
        index = mine(self._order(n_images, batch_size))
        mirror = None
        if augment is not None and augment.mirror:
            if not self.dataset.spec.is_image:
                raise InputError(
                    f"{self.dataset.name} has no images to mirror; set augment.mirror to false."
                )
            # Drawn on the CPU, so that every device mirrors the same images.
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "augment", n_images))
            drawn = mine(torch.rand(batch_size, generator=generator) < 0.5)
            mirror = drawn.to(self.device, non_blocking=True)
        labels = self._labels if with_labels else None
        if labels is not None:
            labels = labels.index_select(0, index.to(self.device, non_blocking=True))
        if self._images is not None:
            return Items(self._images.index_select(0, index), labels, mirror)
        assert self._ahead is not None
        raw = self._ahead.take(n_images, batch_size) if ahead else self._read(index)
        if self.device.type == "cuda":
            raw = raw.pin_memory()
        return Items(raw.to(self.device, non_blocking=True), labels, mirror)

    def _read(self, index: Tensor) -> Tensor:
        """The items of a data set that is not on the device."""
        # A disk reads in the order of the file; the batch has its own.
        ascending, back = np.unique(index.numpy(), return_inverse=True)
        return torch.from_numpy(np.asarray(self.dataset.images[ascending])[back])


def as_batch(items: Items) -> Batch:
    """As the nets see them: images float32 [n, c, h, w] in [-1, 1], channels_last, or points."""
    if items.raw.dtype != torch.uint8:
        return Batch(items.raw, items.labels)
    images = items.raw.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
    images = images.div_(127.5).sub_(1)  # the same numbers as core.images.to_unit
    if items.mirror is not None:
        images = augmentation.mirrored(images, items.mirror)
    return Batch(images, items.labels)


def _to_tensor(array: np.ndarray, device: torch.device) -> Tensor:
    # torch does not wrap read-only arrays, as memory maps are: copy once.
    own = array if array.flags.writeable and array.flags.c_contiguous else np.array(array)
    return torch.from_numpy(own).to(device)


def _room(device: torch.device) -> int:
    if device.type != "cuda":
        return MAX_RESIDENT_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return max(MAX_RESIDENT_BYTES, free // 2) if free > 2 * MAX_RESIDENT_BYTES else free // 2
