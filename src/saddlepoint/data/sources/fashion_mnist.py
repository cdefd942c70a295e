"""Fashion-MNIST: pictures of clothes in ten classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from saddlepoint.core.registry import register
from saddlepoint.data.sources._mnist_like import MnistLike, idx_files

# Hashes of the files at the original address. Debian's package holds the same bytes under another
# gzip header, so the hashes of its files differ.
FILES = idx_files(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    train_images="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    train_labels="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    test_images="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    test_labels="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
)
CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


@register("fashion-mnist")
@dataclass(frozen=True, kw_only=True)
class FashionMnist(MnistLike):
    """60,000 + 10,000 grey pictures of clothes, 28x28, ten classes.

    Paper: Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
    Machine Learning Algorithms", arXiv:1708.07747.
    """

    folder: ClassVar = "fashion-mnist"
    files: ClassVar = FILES
    package: ClassVar = "dataset-fashion-mnist"
    classes: ClassVar = CLASSES
