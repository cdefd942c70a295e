"""saddle data list, saddle data prepare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from saddlepoint.cli.flags import command, print_json
from saddlepoint.core.streams import answer


@command("List the data sets that have a name, and where they are on this machine.")
def data_list(json: bool = False) -> None:
    """List the data sets and where they are; nothing is downloaded.

    Args:
        json: One JSON document on stdout.
    """
    from saddlepoint.data.resolve import available
    from saddlepoint.reporting.terminal import print_table

    rows = available()
    if json:
        print_json([row._asdict() for row in rows])
    else:
        print_table((r.name, f"{r.where or '(not here yet)'}\n{r.description}") for r in rows)


@command("Turn a folder, zip or tar into a data set, with a report of what was wrong with it.")
def data_prepare(
    source: Annotated[Path, tyro.conf.Positional],
    out: Path,
    size: int = 64,
    fit: Literal["crop", "pad"] = "crop",
    channels: Literal["auto", "grey", "rgb"] = "auto",
    labels: Literal["auto", "none"] = "auto",
    workers: int | None = None,
    shards: int | None = None,
    json: bool = False,
) -> None:
    """Turn a folder, zip or tar of images into a memory-mapped data set.

    Args:
        source: A folder, zip or tar of images; with --shards any data that --data takes.
        out: The folder to write: a new one, or one that the same command has begun.
        size: Height and width in pixels; 0 keeps the size that all images share.
        fit: Crop the middle of an image that is not square, or pad it with black.
        channels: grey or rgb; auto is grey when every image is.
        labels: auto takes them from sub-folders or a file of labels; none ignores both.
        workers: Processes (default: one for each core).
        shards: Write so many tars (WebDataset) for data larger than a machine; data that are ready
            keep their size.
        json: The manifest's summary as one JSON document on stdout.
    """
    from saddlepoint import api

    # The api says None for "as it is", which nobody would type as a number of pixels.
    how = {"size": size or None, "fit": fit, "channels": channels, "labels": labels}
    if shards is None:
        report = api.prepare(source, out, **how, workers=workers)
    else:
        report = api.shard(source, out, shards, **how, workers=workers)
    if json:
        print_json(report.to_json())
    else:
        answer(report.text())
