"""MNIST and sets in its format: four IDX files, and a choice of splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from saddlepoint.core.checks import at_least, one_of
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.registry import register
from saddlepoint.data.arrays import image_dataset
from saddlepoint.data.idx import read_idx_pair
from saddlepoint.data.search import NamedSource, RemoteFile, locate, obtain

IMAGES, LABELS = "images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"
"""Ends of the files' names, after the split's prefix."""
SPLITS = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}
"""Split -> prefixes of the files that it consists of."""


def idx_files(base_url: str, *hashes: str) -> list[RemoteFile]:
    """The four files of a data set, all at one address.

    Args:
        hashes: sha256 of the images and labels of train, then of those of test.
    """
    names = (f"{part}-{end}" for part in SPLITS["all"] for end in (IMAGES, LABELS))
    return [
        RemoteFile(name=name, url=base_url + name, sha256=sha256)
        for name, sha256 in zip(names, hashes, strict=True)
    ]


MNIST_FILES = idx_files(
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
)
# Hashes of the files at the original address. Debian's package holds the same bytes under another
# gzip header, so the hashes of its files differ.
FASHION_FILES = idx_files(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
)
CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


@dataclass(frozen=True, kw_only=True)
class MnistLike(NamedSource):
    """Grey 28x28 images with labels in four IDX files."""

    split: Literal["train", "test", "all"] = "train"
    """train (60,000), test (10,000) or all."""
    path: str = ""
    """Folder with the four IDX files; empty searches the usual places, then downloads."""

    folder: ClassVar[str] = "mnist"
    """Name of the folder in the usual places."""
    files: ClassVar[list[RemoteFile]] = MNIST_FILES
    package: ClassVar[str] = ""
    """Debian package with the files, if any."""
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")

    def __post_init__(self) -> None:
        one_of(self, tuple(SPLITS), "split")

    def open(self) -> Dataset:
        images, labels = self.read()
        return image_dataset(self.folder, images, labels, self.classes)

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """-> images uint8 [n, 28, 28, 1] and labels int64 [n] of the split.

        Raises:
            InputError: data absent, or a damaged file.
        """
        wanted = [file for file in self.files if file.name.startswith(SPLITS[self.split])]
        found = obtain(self.folder, wanted, path=self.path, package=self.package)
        pairs = [
            read_idx_pair(found[f"{part}-{IMAGES}"], found[f"{part}-{LABELS}"])
            for part in SPLITS[self.split]
        ]
        images, labels = zip(*pairs, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def where(self) -> str | None:
        folder = locate(self.folder, [file.name for file in self.files])
        return None if folder is None else str(folder)


@register("mnist")
@dataclass(frozen=True, kw_only=True)
class Mnist(MnistLike):
    """60,000 + 10,000 grey handwritten digits, 28x28, ten classes.

    Paper: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", 1998.
    """


@register("fashion-mnist")
@dataclass(frozen=True, kw_only=True)
class FashionMnist(MnistLike):
    """60,000 + 10,000 grey pictures of clothes, 28x28, ten classes.

    Paper: Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
    Machine Learning Algorithms", arXiv:1708.07747.
    """

    folder: ClassVar = "fashion-mnist"
    files: ClassVar = FASHION_FILES
    package: ClassVar = "dataset-fashion-mnist"
    classes: ClassVar = CLOTHES


@register("stacked-mnist")
@dataclass(frozen=True, kw_only=True)
class StackedMnist(MnistLike):
    """Three random MNIST digits as red, green and blue, 28x28; class = 100 r + 10 g + b.

    The digits are drawn independently and uniformly from the MNIST images, so the thousand classes
    are nearly, but not exactly, equally likely.

    Papers: Srivastava et al., "VEEGAN", 2017 (128,000 triplets); Metz et al., "Unrolled GANs".
    """

    split: Literal["train", "test", "all"] = "train"
    """Which MNIST images the triplets are drawn from: train, test or all."""
    n_items: int = 128_000
    """Triplets; VEEGAN and PacGAN train on 128,000."""
    draw_seed: int = 0
    """Seed of the triplets; the run's own seed does not change the data."""
    border: int = 0
    """Black pixels added on each side; with 2 the images are 32x32 and can be halved to 4x4."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "n_items")
        at_least(self, 0, "border", most=100)

    def open(self) -> Dataset:
        images, labels = self.read()
        generator = np.random.Generator(np.random.PCG64(self.draw_seed))
        triplets = generator.integers(len(images), size=(self.n_items, 3))
        edge = self.border
        height, width = images.shape[1:3]
        stacked = np.zeros((self.n_items, height + 2 * edge, width + 2 * edge, 3), np.uint8)
        inside = stacked[:, edge : edge + height, edge : edge + width]
        # By channel: images[triplets] would be a second copy while its axes are swapped.
        for channel in range(3):
            inside[..., channel] = images[triplets[:, channel], :, :, 0]
        classes = tuple(f"{number:03d}" for number in range(1000))
        return image_dataset("stacked-mnist", stacked, labels[triplets] @ [100, 10, 1], classes)
