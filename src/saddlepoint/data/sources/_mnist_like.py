"""What MNIST and its kin share: four IDX files, and a choice of splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from saddlepoint.core.checks import one_of
from saddlepoint.core.contracts import Dataset
from saddlepoint.data.arrays import image_dataset
from saddlepoint.data.idx import read_idx_pair
from saddlepoint.data.search import RemoteFile, locate, obtain
from saddlepoint.data.sources._named import NamedSource

IMAGES, LABELS = "images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"
"""Ends of the files' names, after the split's prefix."""
SPLITS = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}
"""Split -> prefixes of the files that it consists of."""


def idx_files(
    base_url: str, train_images: str, train_labels: str, test_images: str, test_labels: str
) -> list[RemoteFile]:
    """The four files of a data set, all at one address, from their sha256."""
    hashes = {
        f"train-{IMAGES}": train_images,
        f"train-{LABELS}": train_labels,
        f"t10k-{IMAGES}": test_images,
        f"t10k-{LABELS}": test_labels,
    }
    return [RemoteFile(name=name, url=base_url + name, sha256=hashes[name]) for name in hashes]


MNIST_FILES = idx_files(
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    train_images="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    train_labels="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    test_images="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    test_labels="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
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
