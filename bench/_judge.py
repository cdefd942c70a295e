"""The judge of bench/quality.py: a small classifier's features, k-NN precision and recall.

Everything that is judged here on Fashion-MNIST is judged in the same way: 10,000 samples against
the 10,000 test images, k = 3, in the 128 features of a classifier trained once on the 60,000
training images (its test accuracy is printed; the weights are kept in bench/data).
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from saddlepoint.data.sources.fashion_mnist import FashionMnist

WEIGHTS = Path(__file__).parent / "data" / "judge-fashion-mnist.safetensors"
K = 3


class Classifier(nn.Module):
    """Three convolutions with BatchNorm, averaged over the image to 128 features, 10 logits."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 32, 64, 128)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(widths[-1], 10)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images float32 [n, 1, 28, 28] in [-1, 1] -> features [n, 128], logits [n, 10]."""
        h = images
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            h = relu(norm(conv(h if index == 0 else self.pool(h))))
        features = h.mean((2, 3))
        return features, self.head(features)


def _unit(images: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def judge() -> Classifier:
    """The classifier, trained now if it is not in bench/data yet."""
    net = Classifier()
    if WEIGHTS.is_file():
        net.load_state_dict(safetensors.torch.load_file(WEIGHTS))
        return net.eval()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Classifier()
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs
        train = FashionMnist(split="train").open()
        assert train.labels is not None
        images, labels = _unit(train.images), torch.from_numpy(np.array(train.labels))
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
        n_epochs, batch = 6, 128
        n_steps = n_epochs * -(-len(images) // batch)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, n_steps)
        for _ in range(n_epochs):
            for index in torch.randperm(len(images)).split(batch):
                optimizer.zero_grad()
                cross_entropy(net(images[index])[1], labels[index]).backward()
                optimizer.step()
                schedule.step()
    net.eval()
    WEIGHTS.parent.mkdir(exist_ok=True)
    weights = {name: value.contiguous() for name, value in net.state_dict().items()}
    safetensors.torch.save_file(weights, WEIGHTS)
    return net


@torch.no_grad()
def embed(net: Classifier, images: np.ndarray) -> tuple[Tensor, Tensor]:
    """uint8 [n, 28, 28, 1] -> features float32 [n, 128], predicted labels int64 [n]."""
    parts = [net(_unit(images[i : i + 1000])) for i in range(0, len(images), 1000)]
    return torch.cat([f for f, _ in parts]), torch.cat([y for _, y in parts]).argmax(1)


def _radii(features: Tensor) -> Tensor:
    """Distance of each point to its K-th nearest other point."""
    parts = [
        torch.cdist(rows, features).kthvalue(K + 1, dim=1).values for rows in features.split(1000)
    ]
    return torch.cat(parts)


def precision_recall(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991, with k = 3; coverage by
    Naeem et al. 2020, https://arxiv.org/abs/2002.09797, with the same k."""
    real_radii, fake_radii = _radii(real), _radii(fake)
    inside_real, inside_fake, covered = [], torch.zeros(len(real), dtype=torch.bool), []
    nearest = torch.full((len(real),), float("inf"))
    for rows, radii in zip(fake.split(1000), fake_radii.split(1000), strict=True):
        distance = torch.cdist(rows, real)
        inside_real.append((distance <= real_radii).any(1))
        inside_fake |= (distance <= radii[:, None]).any(0)
        nearest = torch.minimum(nearest, distance.min(0).values)
    covered = nearest <= real_radii
    return {
        "precision": torch.cat(inside_real).float().mean().item(),
        "recall": inside_fake.float().mean().item(),
        "coverage": covered.float().mean().item(),
    }


def frechet(real: Tensor, fake: Tensor) -> float:
    """Fréchet distance of the two sets of features taken as normal."""
    a, b = real.double(), fake.double()
    gap = (a.mean(0) - b.mean(0)).square().sum()
    ca, cb = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(ca)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cb @ root).clamp_min(0).sqrt().sum()
    return (gap + ca.trace() + cb.trace() - 2 * cross).item()


def score(images: np.ndarray, labels: np.ndarray | None = None) -> dict[str, float]:
    """All figures for 10,000 samples, uint8 [10000, 28, 28, 1]."""
    net = judge()
    real = FashionMnist(split="test").open()
    real_features, _ = embed(net, real.images)
    fake_features, predicted = embed(net, images)
    figures = precision_recall(real_features, fake_features)
    figures["frechet"] = frechet(real_features, fake_features)
    if labels is not None:
        figures["label_accuracy"] = (predicted.numpy() == labels).mean().item()
    return figures


def yardstick() -> dict[str, float]:
    """Real training images against the test images, and the judge's own accuracy."""
    train, test = FashionMnist(split="train").open(), FashionMnist(split="test").open()
    figures = score(train.images[:10_000])
    _, predicted = embed(judge(), test.images)
    assert test.labels is not None
    figures["judge_accuracy"] = (predicted.numpy() == test.labels).mean().item()
    return figures


if __name__ == "__main__":
    print({name: round(value, 4) for name, value in yardstick().items()})
