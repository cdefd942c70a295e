"""MNIST: handwritten digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saddlepoint.core.checks import one_of
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.registry import register
from saddlepoint.data.search import locate
from saddlepoint.data.sources._mnist_files import MNIST_FILES
from saddlepoint.data.sources._mnist_like import SPLITS, read_split
from saddlepoint.data.sources._named import NamedSource, image_dataset


@register("mnist")
@dataclass(frozen=True, kw_only=True)
class Mnist(NamedSource):
    """60,000 + 10,000 grey handwritten digits, 28x28, ten classes.

    Paper: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", 1998.
    """

    split: Literal["train", "test", "all"] = "train"
    """train (60,000), test (10,000) or all."""
    path: str = ""
    """Folder with the four IDX files; empty searches the usual places, then downloads."""

    def __post_init__(self) -> None:
        one_of(self, tuple(SPLITS), "split")

    def open(self) -> Dataset:
        images, labels = read_split("mnist", MNIST_FILES, self.split, self.path)
        return image_dataset("mnist", images, labels, tuple("0123456789"))

    def where(self) -> str | None:
        folder = locate("mnist", [file.name for file in MNIST_FILES])
        return None if folder is None else str(folder)
