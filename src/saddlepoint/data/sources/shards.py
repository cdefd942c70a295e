"""Shards on this machine or behind an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from saddlepoint.core.checks import between, one_of
from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.registry import register
from saddlepoint.data.manifest import MAX_SIZE, MIN_SIZE
from saddlepoint.data.shards.opening import open_shards


@register("shards")
@dataclass(frozen=True, kw_only=True)
class Shards(Source):
    """Tars of pictures, larger than the memory or the disk of this machine: a folder that
    `saddle data prepare --shards` wrote, or any WebDataset; here or behind an address that fsspec
    knows (extra `shards`)."""

    path: str
    """The folder or its address, such as s3://bucket/faces or https://host/faces/manifest.json;
    shards that others wrote also by name: https://host/faces-{000..146}.tar."""
    size: int = 64
    """Height and width in pixels, 4 to 1024, of shards that others wrote; ours have theirs."""
    fit: Literal["crop", "pad"] = "crop"
    """Of shards that others wrote. crop: the centred square of a picture; pad: the whole picture
    with black borders."""
    skip_bad_shards: bool = False
    """Leave out shards that are missing, short or changed, and name them. All are read through
    once to find them."""

    def __post_init__(self) -> None:
        between(self, MIN_SIZE, MAX_SIZE, "size")
        one_of(self, ("crop", "pad"), "fit")

    def open(self) -> Dataset:
        how: dict[str, Any] = {"size": self.size, "fit": self.fit, "skip_bad": self.skip_bad_shards}
        return open_shards(self.path, **how)
