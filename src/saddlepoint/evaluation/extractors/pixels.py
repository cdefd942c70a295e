"""The values themselves: no network at all."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.measures import Extractor, Features, LoadedExtractor, Progress, no_progress
from saddlepoint.core.registry import register


@register("pixels")
@dataclass(frozen=True, kw_only=True)
class Pixels(Extractor):
    """Pixel values / 127.5 - 1, or the coordinates of points.

    Distances between pixels say nothing about what an image shows; for points they are right.
    """

    def load(
        self, reference: Dataset, device: str, progress: Progress = no_progress
    ) -> LoadedExtractor:
        return LoadedPixels()


class LoadedPixels(LoadedExtractor):
    def __init__(self) -> None:
        self.protocol = {"kind": "pixels", "sha256": None, "resize": "none"}

    def __call__(self, images: Tensor) -> Features:
        values = images.float() / 127.5 - 1 if images.dim() == 4 else images.float()
        return Features(values.flatten(1), None)
