"""Shards on this machine or behind an address."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.registry import register
from saddlepoint.data.shards.opening import open_shards


@register("shards")
@dataclass(frozen=True, kw_only=True)
class Shards(Source):
    """Tars of pictures, larger than the memory or the disk of this machine: a folder that
    `saddle data prepare --shards` wrote, here or behind an address of fsspec (extra `shards`)."""

    path: str
    """The folder or its address, such as s3://bucket/faces or https://host/faces/manifest.json."""
    skip_bad_shards: bool = False
    """Leave out shards that are missing, short or changed, and name them. All are read through
    once to find them."""

    def open(self) -> Dataset:
        return open_shards(self.path, skip_bad=self.skip_bad_shards)
