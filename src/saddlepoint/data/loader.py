"""Batches in an order that is a pure function of (seed, images seen)."""

from __future__ import annotations

import torch

from saddlepoint.core.contracts import Batch, Dataset
from saddlepoint.core.randomness import derive_seed


class DeviceData:
    def __init__(self, dataset: Dataset, seed: int, device: str) -> None:
        self.dataset = dataset
        self.seed = seed
        self.device = torch.device(device)
        self.images = torch.from_numpy(dataset.images).to(device)
        self.labels = (
            None if dataset.labels is None else torch.from_numpy(dataset.labels).to(device)
        )
        self._epoch = -1
        self._order = torch.empty(0)

    def _permutation(self, epoch):
        if epoch != self._epoch:
            g = torch.Generator().manual_seed(derive_seed(self.seed, "order", epoch))
            self._order = torch.randperm(len(self.dataset), generator=g).to(self.device)
            self._epoch = epoch
        return self._order

    def batch(self, n_images, batch_size, augment=None) -> Batch:
        n = len(self.dataset)
        parts = []
        while batch_size > 0:
            epoch, at = divmod(n_images, n)
            take = min(batch_size, n - at)
            parts.append(self._permutation(epoch)[at : at + take])
            n_images += take
            batch_size -= take
        index = torch.cat(parts)
        images = self.images[index]
        if self.dataset.spec.is_image:
            images = (
                images.permute(0, 3, 1, 2)
                .to(torch.float32, memory_format=torch.channels_last)
                .div_(127.5)
                .sub_(1)
            )
        return Batch(images, None if self.labels is None else self.labels[index])
