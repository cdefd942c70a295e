"""A small convolutional net that is trained on the real data and cached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from saddlepoint.core import images as core_images
from saddlepoint.core.checks import above, at_least
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder
from saddlepoint.core.measures import Extractor, Features, LoadedExtractor, Progress
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.tensors import exact_float32
from saddlepoint.evaluation.extractors._networks import in_batches, weights_hash
from saddlepoint.evaluation.tensor_files import read_tensors, write_tensors

WIDTHS = (32, 64, 128)
HELD_OUT = 10
"""One image in so many is held out to measure the accuracy."""
BATCH_SIZE = 100
"""Images in a batch when features are extracted."""


class SmallClassifier(nn.Module):
    """Convolutions with BatchNorm and pooling, averaged over the image to 128 features.

    Averaged rather than flattened features: the Fréchet distance between two halves of
    Fashion-MNIST is then near 0.
    """

    def __init__(self, channels: int, size: int, n_classes: int) -> None:
        super().__init__()
        # Larger images are halved more often, so that the last feature maps stay near 7x7.
        extra = max(0, (size // 28).bit_length() - 1)
        widths = (channels, *WIDTHS[:1] * extra, *WIDTHS)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(widths[-1], n_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [n, c, h, w] in [-1, 1] -> features [n, 128], logits [n, n_classes]."""
        h = images
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            h = relu(norm(conv(h if index == 0 else self.pool(h))))
        features = h.mean((2, 3))
        return features, self.head(features)


Examples = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Positions in the data int64 [n] -> images float32 [n, c, h, w] in [-1, 1], targets int64 [n]."""


@dataclass(frozen=True, kw_only=True)
class TrainedExtractor(Extractor):
    """An extractor that is trained on the real data once and cached under their fingerprint."""

    batch_size: int = 128
    """Images in a training step."""
    lr: float = 2e-3
    """Adam's learning rate at the start; it falls linearly to 0."""
    seed: int = 0
    """Seed of the initial weights and of the order of the images."""

    def __post_init__(self) -> None:
        at_least(self, 1, "batch_size")
        above(self, 0, "lr")

    def trained(
        self,
        data: Dataset,
        device: str,
        progress: Progress,
        n_targets: int,
        n_epochs: int,
        examples: Examples,
    ) -> tuple[SmallClassifier, float]:
        """The net, from the cache or trained now, and its accuracy on the held-out images."""
        kind = self.kind  # type: ignore[attr-defined]  # given by register
        text = json.dumps([asdict(self), data.fingerprint, WIDTHS], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:20]
        file = cache_folder() / f"{kind}s" / f"{key}.safetensors"
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            net = SmallClassifier(data.spec.channels, data.spec.size, n_targets)
        cached = read_tensors(file)
        if cached is not None:
            net.load_state_dict(cached[0])
            return net.to(device), float(cached[1]["accuracy"])
        net.to(device)
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(self.seed, kind, 0))
            accuracy = self._train(net, len(data), device, progress, n_epochs, examples)
        weights = {name: value.cpu().contiguous() for name, value in net.state_dict().items()}
        write_tensors(file, weights, accuracy=repr(accuracy))
        return net, accuracy

    def _train(
        self,
        net: SmallClassifier,
        n_images: int,
        device: str,
        progress: Progress,
        n_epochs: int,
        examples: Examples,
    ) -> float:
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()  # from the seed that was set just now
        # A tenth is never trained on: the accuracy in the protocol is of these.
        order = torch.randperm(n_images)
        held, learned = order[::HELD_OUT], order[torch.arange(n_images) % HELD_OUT != 0]
        optimizer = torch.optim.Adam(net.parameters(), lr=self.lr)
        n_steps = n_epochs * -(-len(learned) // self.batch_size)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, n_steps)
        doing = f"Training the net of --features {self.kind} (epochs)"  # type: ignore[attr-defined]  # given by register
        net.train()
        for epoch in range(n_epochs):
            progress(doing, epoch, n_epochs)
            for index in learned[torch.randperm(len(learned))].split(self.batch_size):
                images, targets = examples(index)
                optimizer.zero_grad()
                cross_entropy(net(images.to(device))[1], targets.to(device)).backward()
                optimizer.step()
                schedule.step()
        progress(doing, n_epochs, n_epochs)
        net.eval()
        right = 0
        with torch.no_grad():
            for index in held.split(BATCH_SIZE):
                images, targets = examples(index)
                right += int((net(images.to(device))[1].argmax(1).cpu() == targets).sum())
        return right / len(held)


class LoadedNet(LoadedExtractor):
    """A trained net on a device."""

    def __init__(
        self, kind: str, trained: tuple[SmallClassifier, float], data: Dataset, device: str
    ) -> None:
        net, accuracy = trained
        self.net, self.device = net.eval().requires_grad_(False), torch.device(device)
        self.shape = data.spec.shape
        self.protocol: dict[str, Any] = {
            "kind": kind,
            "sha256": weights_hash(net),
            "resize": "none",
            "dim": WIDTHS[-1],
            "accuracy": round(accuracy, 4),
            "trained_on": data.fingerprint,
        }

    def __call__(self, images: Tensor) -> Features:
        if tuple(images.shape[1:]) != (*self.shape[1:], self.shape[0]):
            wanted = f"{self.shape[0]} x {self.shape[1]} x {self.shape[2]}"
            got = f"{images.shape[3]} x {images.shape[1]} x {images.shape[2]}"
            raise InputError(
                f"--features {self.protocol['kind']} was trained on images of {wanted} and these "
                f"are {got}; bring both sets to the same size and channels."
            )
        with exact_float32(self.device):
            return in_batches(images, BATCH_SIZE, self._run)

    def _run(self, images: Tensor) -> Features:
        return Features(*self.net(to_unit(images.numpy()).to(self.device)))


def to_unit(images: Any) -> Tensor:
    """uint8 array [n, h, w, c] -> float32 [n, c, h, w] in [-1, 1]."""
    return torch.from_numpy(core_images.to_unit(images))


def unfit_images(data: Dataset) -> str:
    """Why no net can be trained on the data, or ""."""
    if not data.spec.is_image:
        return "the data are points"
    few = len(data) < 2 * HELD_OUT
    return f"it needs at least {2 * HELD_OUT} images to train on" if few else ""
