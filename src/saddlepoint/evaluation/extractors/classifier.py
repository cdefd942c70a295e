"""Features of a small classifier that learns the labelled data set once: the offline choice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from saddlepoint.core.checks import at_least
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder, write_atomically
from saddlepoint.core.measures import (
    Extractor,
    Features,
    LoadedExtractor,
    Progress,
    no_progress,
)
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.registry import register
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


@register("classifier")
@dataclass(frozen=True, kw_only=True)
class Classifier(Extractor):
    """128 features and the class logits of a classifier trained on the real data's labels.

    It is trained once for each data set, kept in the cache under the data's fingerprint, and its
    accuracy on a tenth of the images, which it never saw, stands in the protocol. Numbers of two
    classifiers do not compare.
    """

    epochs: int = 6
    """Times that it sees each image; the learning rate falls to 0 over them."""
    batch_size: int = 128
    """Images a step."""
    lr: float = 2e-3
    """Adam's learning rate at the start."""
    seed: int = 0
    """Of the first weights and the order of the images."""

    def __post_init__(self) -> None:
        at_least(self, 1, "epochs", "batch_size")

    def unfit(self, reference: Dataset) -> str:
        if not reference.spec.is_image:
            return "the data are points"
        if len(reference) < 2 * HELD_OUT:
            return f"it needs {2 * HELD_OUT} images to learn from"
        return "" if reference.labels is not None else "the data have no labels to learn from"

    def load(
        self, reference: Dataset, device: str, progress: Progress = no_progress
    ) -> LoadedExtractor:
        if reference.labels is None or reference.spec.n_classes < 2:
            raise InputError(
                f"--features classifier: {reference.name} has no labels to learn from; use "
                "--features inception or --features pixels."
            )
        if not reference.spec.is_image or len(reference) < 2 * HELD_OUT:
            raise InputError(
                f"--features classifier: {reference.name} is not a set of at least "
                f"{2 * HELD_OUT} labelled images; use --features pixels."
            )
        text = json.dumps([asdict(self), reference.fingerprint, WIDTHS], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:20]
        file = cache_folder() / "classifiers" / f"{key}.safetensors"
        net = _new_net(reference)
        accuracy = _read(file, net)
        if accuracy is None:
            net.to(device)
            accuracy = self._train(net, reference, device, progress)
            _write(file, net, accuracy)
        return LoadedClassifier(net.to(device), accuracy, reference, device)

    def _train(self, net: SmallClassifier, data: Dataset, device: str, progress: Progress) -> float:
        """Train in place; returns the accuracy on the images held out."""
        assert data.labels is not None
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(self.seed, "classifier", 0))
            for module in net.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    module.reset_parameters()
            labels = torch.from_numpy(data.labels)
            order = torch.randperm(len(data))
            held, learned = order[::HELD_OUT], order[torch.arange(len(order)) % HELD_OUT != 0]
            optimizer = torch.optim.Adam(net.parameters(), lr=self.lr)
            n_steps = self.epochs * -(-len(learned) // self.batch_size)
            schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, n_steps)
            net.train()
            for epoch in range(self.epochs):
                progress("Training the classifier (epochs)", epoch, self.epochs)
                shuffled = learned[torch.randperm(len(learned))]
                for index in shuffled.split(self.batch_size):
                    optimizer.zero_grad()
                    logits = net(_unit(data.images[index.numpy()]).to(device))[1]
                    cross_entropy(logits, labels[index].to(device)).backward()
                    optimizer.step()
                    schedule.step()
        progress("Training the classifier (epochs)", self.epochs, self.epochs)
        net.eval()
        seen = LoadedClassifier(net, 0.0, data, device)(torch.from_numpy(data.images[held.numpy()]))
        assert seen.logits is not None
        return (seen.logits.argmax(1) == labels[held]).double().mean().item()


class LoadedClassifier(LoadedExtractor):
    """The trained net on a device."""

    def __init__(self, net: SmallClassifier, accuracy: float, data: Dataset, device: str) -> None:
        self.net, self.device = net.eval().requires_grad_(False), device
        self.shape = data.spec.shape
        self.protocol: dict[str, Any] = {
            "kind": "classifier",
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
                f"--features classifier learnt images of {wanted} and these are {got}; bring both "
                "sets to one size and the same channels."
            )
        vectors, logits = [], []
        for rows in images.split(CHUNK):
            # Filled up: which kernel runs, and so how it rounds, depends on the batch size.
            x = torch.cat([rows, rows[-1:].expand(CHUNK - len(rows), -1, -1, -1)])
            with torch.autocast(torch.device(self.device).type, enabled=False):
                seen = self.net(_unit(x.numpy()).to(self.device))
            vectors.append(seen[0][: len(rows)].cpu())
            logits.append(seen[1][: len(rows)].cpu())
        return Features(torch.cat(vectors), torch.cat(logits))


def _unit(images: Any) -> Tensor:
    """uint8 array [n, h, w, c] -> float32 [n, c, h, w] in [-1, 1]."""
    return torch.tensor(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def _new_net(data: Dataset) -> SmallClassifier:
    with torch.random.fork_rng(devices=[]):
        return SmallClassifier(data.spec.channels, data.spec.size, data.spec.n_classes)


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
