"""Fashion-MNIST: the lecture's second application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saddlepoint.core.checks import one_of
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.registry import register
from saddlepoint.data.search import locate
from saddlepoint.data.sources._mnist_like import SPLITS, read_split, remote_files
from saddlepoint.data.sources._named import NamedSource, image_dataset

# The hashes are those of the files at the original address; Debian's package holds the same
# bytes compressed with another gzip header, so its files have other hashes.
FILES = remote_files(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
)
PACKAGE = "dataset-fashion-mnist"
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@register("fashion-mnist")
@dataclass(frozen=True, kw_only=True)
class FashionMnist(NamedSource):
    """60,000 + 10,000 grey pictures of clothes, 28x28, ten classes.

    Paper: Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
    Machine Learning Algorithms", arXiv:1708.07747.
    """

    split: Literal["train", "test", "all"] = "train"
    """train (60,000), test (10,000) or all."""
    path: str = ""
    """Folder with the four IDX files; empty searches the usual places, then downloads."""

    def __post_init__(self) -> None:
        one_of(self, tuple(SPLITS), "split")

    def open(self) -> Dataset:
        images, labels = read_split("fashion-mnist", FILES, self.split, self.path, PACKAGE)
        return image_dataset("fashion-mnist", images, labels, CLASSES)

    def where(self) -> str | None:
        folder = locate("fashion-mnist", [file.name for file in FILES])
        return None if folder is None else str(folder)
