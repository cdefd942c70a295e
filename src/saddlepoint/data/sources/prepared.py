"""A folder written by `saddle data prepare`."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.paths import given_path
from saddlepoint.core.registry import register
from saddlepoint.data.sources._prepared import open_prepared


@register("prepared")
@dataclass(frozen=True, kw_only=True)
class Prepared(Source):
    """A prepared data set, opened as a read-only memory map."""

    path: str
    """The folder with manifest.json."""

    def open(self) -> Dataset:
        return open_prepared(given_path(self.path))
