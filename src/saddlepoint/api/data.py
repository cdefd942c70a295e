"""From raw images to a data set."""

from __future__ import annotations

import functools
import os
from typing import Any

from saddlepoint.data.prepare import prepare as prepare_data
from saddlepoint.data.progress import progress_bars
from saddlepoint.data.report import PrepareReport
from saddlepoint.data.shards.preparing import ShardReport, prepare_shards


@functools.wraps(prepare_data)
def prepare(
    source: str | os.PathLike[str], out: str | os.PathLike[str], **options: Any
) -> PrepareReport:
    with progress_bars() as progress:
        shown = functools.partial(progress, "Preparing")
        return prepare_data(source, out, progress=shown, **options)


def shard(
    source: str | os.PathLike[str], out: str | os.PathLike[str], n_shards: int, **options: Any
) -> ShardReport:
    """Write any data as tar shards, for data larger than a machine; see `prepare_shards`.

    Args:
        options: those of `prepare`, for pictures that are not prepared yet.
    """
    with progress_bars() as progress:
        return prepare_shards(source, out, n_shards, progress=progress, **options)
