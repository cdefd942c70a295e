"""A small convolutional net, how it is taught and kept: the trained extractors share it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from saddlepoint.core.checks import above, at_least
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder, write_atomically
from saddlepoint.core.measures import Extractor, Features, LoadedExtractor, Progress
from saddlepoint.core.randomness import derive_seed
from saddlepoint.evaluation.extractors._networks import weights_hash

WIDTHS = (32, 64, 128)
HELD_OUT = 10
"""One labelled image in so many is kept back, to measure the accuracy."""
CHUNK = 100


class SmallClassifier(nn.Module):
    """Convolutions with BatchNorm and pooling, averaged over the image to 128 features.

    Averaged features, rather than flattened ones: a Fréchet distance of two halves of
    Fashion-MNIST is then near 0 (docs/log.md).
    """

    def __init__(self, channels: int, size: int, n_classes: int) -> None:
        super().__init__()
        # Larger images are halved more often, so that the last maps stay near 7x7.
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


Lesson = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Positions in the data int64 [n] -> images float32 [n, c, h, w] in [-1, 1], answers int64 [n]."""


@dataclass(frozen=True, kw_only=True)
class TaughtExtractor(Extractor):
    """An extractor that learns the real data once, and is kept in the cache under their
    fingerprint."""

    batch_size: int = 128
    """Images a step."""
    lr: float = 2e-3
    """Adam's learning rate at the start; it falls to 0."""
    seed: int = 0
    """Of the first weights and the order of the images."""

    def __post_init__(self) -> None:
        at_least(self, 1, "batch_size")
        above(self, 0, "lr")

    def taught(
        self,
        data: Dataset,
        device: str,
        progress: Progress,
        n_answers: int,
        n_epochs: int,
        lesson: Lesson,
    ) -> tuple[SmallClassifier, float]:
        """The net, from the cache or taught now, and its accuracy on images that it never saw."""
        kind = self.kind  # type: ignore[attr-defined]  # given by register
        text = json.dumps([asdict(self), data.fingerprint, WIDTHS], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:20]
        file = cache_folder() / f"{kind}s" / f"{key}.safetensors"
        with torch.random.fork_rng(devices=[]):
            net = SmallClassifier(data.spec.channels, data.spec.size, n_answers)
        accuracy = _read(file, net)
        if accuracy is None:
            net.to(device)
            with torch.random.fork_rng():
                torch.manual_seed(derive_seed(self.seed, kind, 0))
                accuracy = self._teach(net, len(data), device, progress, n_epochs, lesson)
            _write(file, net, accuracy)
        return net.to(device), accuracy

    def _teach(
        self,
        net: SmallClassifier,
        n_images: int,
        device: str,
        progress: Progress,
        n_epochs: int,
        lesson: Lesson,
    ) -> float:
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()
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
                images, answers = lesson(index)
                optimizer.zero_grad()
                cross_entropy(net(images.to(device))[1], answers.to(device)).backward()
                optimizer.step()
                schedule.step()
        progress(doing, n_epochs, n_epochs)
        net.eval()
        right = 0
        with torch.no_grad():
            for index in held.split(CHUNK):
                images, answers = lesson(index)
                right += int((net(images.to(device))[1].argmax(1).cpu() == answers).sum())
        return right / len(held)


class LoadedNet(LoadedExtractor):
    """A taught net on a device."""

    def __init__(
        self, kind: str, taught: tuple[SmallClassifier, float], data: Dataset, device: str
    ) -> None:
        net, accuracy = taught
        self.net, self.device = net.eval().requires_grad_(False), device
        self.shape = data.spec.shape
        self.protocol: dict[str, Any] = {
            "kind": kind,
            "sha256": weights_hash(net),
            "resize": "none",
            "dim": WIDTHS[-1],
            "accuracy": round(accuracy, 4),
            "trained_on": data.fingerprint,
        }

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Features:
        if tuple(images.shape[1:]) != (*self.shape[1:], self.shape[0]):
            wanted = f"{self.shape[0]} x {self.shape[1]} x {self.shape[2]}"
            got = f"{images.shape[3]} x {images.shape[1]} x {images.shape[2]}"
            raise InputError(
                f"--features {self.protocol['kind']} learnt images of {wanted} and these are "
                f"{got}; bring both sets to one size and the same channels."
            )
        vectors, logits = [], []
        for rows in images.split(CHUNK):
            # Filled up: which kernel runs, and so how it rounds, depends on the batch size.
            x = torch.cat([rows, rows[-1:].expand(CHUNK - len(rows), -1, -1, -1)])
            with torch.autocast(torch.device(self.device).type, enabled=False):
                seen = self.net(to_unit(x.numpy()).to(self.device))
            vectors.append(seen[0][: len(rows)].cpu())
            logits.append(seen[1][: len(rows)].cpu())
        return Features(torch.cat(vectors), torch.cat(logits))


def to_unit(images: Any) -> Tensor:
    """uint8 array [n, h, w, c] -> float32 [n, c, h, w] in [-1, 1]."""
    return torch.tensor(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def unfit_images(data: Dataset) -> str:
    """Why no net can learn from the data, in a few words; "" when one can."""
    if not data.spec.is_image:
        return "the data are points"
    few = len(data) < 2 * HELD_OUT
    return f"it needs {2 * HELD_OUT} images to learn from" if few else ""


def _read(file: Path, net: SmallClassifier) -> float | None:
    """Load cached weights into `net`; -> their accuracy, or None when absent or damaged."""
    try:
        net.load_state_dict(safetensors.torch.load_file(file))
        with safe_open(file, "pt") as content:
            metadata = content.metadata()
        intact = metadata["weights_sha256"] == weights_hash(net)
        return float(metadata["accuracy"]) if intact else None
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError):
        return None  # trained anew


def _write(file: Path, net: SmallClassifier, accuracy: float) -> None:
    weights = {name: value.cpu().contiguous() for name, value in net.state_dict().items()}
    metadata = {"weights_sha256": weights_hash(net), "accuracy": repr(accuracy)}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, safetensors.torch.save(weights, metadata))
