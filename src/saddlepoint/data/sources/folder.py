"""A folder, zip or tar of image files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saddlepoint.core.checks import between, one_of
from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.paths import given_path
from saddlepoint.core.registry import register
from saddlepoint.data.manifest import MAX_SIZE, MIN_SIZE
from saddlepoint.data.sources._prepared import open_raw


@register("folder")
@dataclass(frozen=True, kw_only=True)
class Folder(Source):
    """Image files, prepared into the cache on first use and opened from there."""

    path: str
    """A folder, zip or tar of images; labels from sub-folders or a file of labels."""
    size: int = 64
    """Height and width in pixels, 4 to 1024."""
    fit: Literal["crop", "pad"] = "crop"
    """crop: the centred square of an image; pad: the whole image with black borders."""
    labels: Literal["auto", "none"] = "auto"
    """auto: from sub-folders or a file of labels; none: ignore both."""

    def __post_init__(self) -> None:
        between(self, MIN_SIZE, MAX_SIZE, "size")
        one_of(self, ("crop", "pad"), "fit")
        one_of(self, ("auto", "none"), "labels")

    def open(self) -> Dataset:
        path = given_path(self.path)
        name = path.resolve().name
        return open_raw(path, name, size=self.size, fit=self.fit, labels=self.labels)
