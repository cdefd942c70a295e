"""The embedded data set: small, and available without a network."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.registry import register
from saddlepoint.data.arrays import image_dataset
from saddlepoint.data.search import NamedSource


@register("digits")
@dataclass(frozen=True, kw_only=True)
class Digits(NamedSource):
    """1,797 grey handwritten digits, 8x8, ten classes; embedded in the package.

    Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning
    Repository, https://doi.org/10.24432/C50P49, licence CC BY 4.0. The original values 0..16 are
    scaled to 0..255 and rounded.
    """

    def open(self) -> Dataset:
        resource = files("saddlepoint.data") / "embedded" / "digits.npz"
        with resource.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            raw, labels = archive["images"], archive["labels"].astype(np.int64)
        images = np.rint(raw.astype(np.float32) * (255 / 16)).astype(np.uint8)[..., None]
        return image_dataset("digits", images, labels, tuple("0123456789"))

    def where(self) -> str | None:
        return "embedded"
