"""A small convolutional net that is trained on the real data and cached."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from saddlepoint.core import images as core_images
from saddlepoint.core.checks import above, at_least
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder
from saddlepoint.core.json_files import sha256_of_json
from saddlepoint.core.measures import Extractor, Features, Progress, no_progress
from saddlepoint.core.randomness import derive_seed
from saddlepoint.data.drawing import at_hand
from saddlepoint.evaluation.extractors._networks import LoadedNetwork, weights_hash
from saddlepoint.evaluation.tensor_files import read_tensors, write_tensors

WIDTHS = (32, 64, 128)
HELD_OUT = 10
"""One image in ten is not trained on: the accuracy is measured on these."""


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


class Task(NamedTuple):
    """What a net is trained to tell."""

    n_targets: int
    n_epochs: int
    examples: Callable[[Tensor], tuple[Tensor, Tensor]]
    """Positions in the data int64 [n] -> images float32 [n, c, h, w] in [-1, 1], targets int64 [n].
    """
    classes: bool = True
    """Whether the targets are classes of the data: then the logits are features too."""


@dataclass(frozen=True, kw_only=True)
class TrainedExtractor(Extractor):
    """An extractor that is trained on the real data once and cached under their fingerprint."""

    kind: ClassVar[str]
    """Given by `register`."""
    batch_size: int = 128
    """Images in a training step."""
    lr: float = 2e-3
    """Adam's learning rate at the start; it falls linearly to 0."""
    seed: int = 0
    """Seed of the initial weights and of the order of the images."""

    def __post_init__(self) -> None:
        at_least(self, 1, "batch_size")
        above(self, 0, "lr")

    def unfit(self, reference: Dataset) -> str:
        if not reference.spec.is_image:
            return "the data are points"
        few = len(reference) < 2 * HELD_OUT
        return f"it needs at least {2 * HELD_OUT} images to train on" if few else ""

    @abstractmethod
    def task(self, data: Dataset) -> Task:
        """What the net is trained to tell."""

    def load(self, reference: Dataset, device: str, progress: Progress = no_progress) -> LoadedNet:
        if reason := self.unfit(reference):
            raise InputError(
                f"--features {self.kind}: {reason}; use --features pixels, or auto for what fits."
            )
        near = at_hand(reference)
        task = self.task(near)
        net, accuracy = self._trained(near, task, device, progress)
        return LoadedNet(self.kind, net, accuracy, task.classes, reference, device)

    def _trained(
        self, data: Dataset, task: Task, device: str, progress: Progress
    ) -> tuple[SmallClassifier, float]:
        """The net, from the cache or trained now, and its accuracy on the held-out images."""
        key = sha256_of_json([asdict(self), data.fingerprint, WIDTHS])[:20]
        file = cache_folder() / f"{self.kind}s" / f"{key}.safetensors"
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            net = SmallClassifier(data.spec.channels, data.spec.size, task.n_targets)
        cached = read_tensors(file)
        if cached is not None:
            net.load_state_dict(cached[0])
            return net.to(device), float(cached[1]["accuracy"])
        net.to(device)
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(self.seed, self.kind, 0))
            accuracy = self._train(net, len(data), task, device, progress)
        weights = {name: value.cpu().contiguous() for name, value in net.state_dict().items()}
        write_tensors(file, weights, accuracy=repr(accuracy))
        return net, accuracy

    def _train(
        self, net: SmallClassifier, n_images: int, task: Task, device: str, progress: Progress
    ) -> float:
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()  # from the seed that was set just now
        # A tenth is never trained on: the accuracy in the protocol is of these.
        order = torch.randperm(n_images)
        held, learned = order[::HELD_OUT], order[torch.arange(n_images) % HELD_OUT != 0]
        optimizer = torch.optim.Adam(net.parameters(), lr=self.lr)
        n_steps = task.n_epochs * -(-len(learned) // self.batch_size)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, n_steps)
        doing = f"Training the net of --features {self.kind} (epochs)"
        net.train()
        for epoch in range(task.n_epochs):
            progress(doing, epoch, task.n_epochs)
            for index in learned[torch.randperm(len(learned))].split(self.batch_size):
                images, targets = task.examples(index)
                optimizer.zero_grad()
                cross_entropy(net(images.to(device))[1], targets.to(device)).backward()
                optimizer.step()
                schedule.step()
        progress(doing, task.n_epochs, task.n_epochs)
        net.eval()
        right = 0
        with torch.no_grad():
            for index in held.split(LoadedNet.batch_size):
                images, targets = task.examples(index)
                right += int((net(images.to(device))[1].argmax(1).cpu() == targets).sum())
        return right / len(held)


def labels_task(data: Dataset, n_epochs: int) -> Task:
    """To tell the classes of the data, which has labels."""
    assert data.labels is not None
    labels = torch.from_numpy(data.labels)

    def examples(index: Tensor) -> tuple[Tensor, Tensor]:
        return to_unit(data.images[index.numpy()]), labels[index]

    return Task(data.spec.n_classes, n_epochs, examples)


class LoadedNet(LoadedNetwork):
    """A trained net on a device."""

    batch_size = 100  # part of the last bits of features: another size would change them

    def __init__(
        self,
        kind: str,
        net: SmallClassifier,
        accuracy: float,
        classes: bool,
        data: Dataset,
        device: str,
    ) -> None:
        self.net, self.device = net.eval().requires_grad_(False), torch.device(device)
        self.shape, self.classes = data.spec.shape, classes
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
            raise InputError(
                f"--features {self.protocol['kind']} was trained on images [c, h, w] = "
                f"{list(self.shape)} and these are [h, w, c] = {list(images.shape[1:])}; bring "
                "both sets to the same size and channels."
            )
        return super().__call__(images)

    def run(self, images: Tensor) -> Features:
        vectors, logits = self.net(to_unit(images.numpy()).to(self.device))
        return Features(vectors, logits if self.classes else None)


def to_unit(images: Any) -> Tensor:
    """uint8 array [n, h, w, c] -> float32 [n, c, h, w] in [-1, 1]."""
    return torch.from_numpy(core_images.to_unit(images))
