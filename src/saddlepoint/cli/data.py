"""saddle data list, saddle data prepare."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from saddlepoint.cli.flags import listing, parse


def data_list(argv: list[str]) -> None:
    """List the data sets that have a name, and where they are on this machine."""

    about = "List the data sets and where they are; nothing is downloaded."
    as_json = listing("saddle data list", argv, about)
    from saddlepoint.data.resolve import available
    from saddlepoint.reporting.terminal import print_table

    rows = available()
    if as_json:
        print(json_module.dumps([row._asdict() for row in rows], indent=2))
    else:
        print_table((r.name, f"{r.where or '(not here yet)'}\n{r.description}") for r in rows)


def data_prepare(argv: list[str]) -> None:
    """Turn a folder, zip or tar into a data set, with a report of what was wrong in it."""

    def flags(
        source: Annotated[Path, tyro.conf.Positional],
        out: Path,
        size: int = 64,
        fit: Literal["crop", "pad"] = "crop",
        channels: Literal["auto", "grey", "rgb"] = "auto",
        labels: Literal["auto", "none"] = "auto",
        workers: int | None = None,
        json: bool = False,
    ) -> dict[str, Any]:
        """Turn a folder, zip or tar of images into a memory-mapped data set.

        Args:
            source: A folder, zip or tar of images.
            out: The folder to write.
            size: Height and width in pixels; 0 keeps the size that all images share.
            fit: Crop the middle of an image that is not square, or pad it with black.
            channels: grey or rgb; auto is grey when every image is.
            labels: auto takes them from sub-folders or a file of labels; none ignores both.
            workers: Processes; by default one a core.
            json: The manifest's summary as one JSON document on stdout.
        """
        return locals()

    asked = parse(flags, "saddle data prepare", argv)
    from saddlepoint import api

    as_json = asked.pop("json")
    # The api says None for "as it is", which nobody would type as a number of pixels.
    asked["size"] = asked["size"] or None
    report = api.prepare(**asked)
    print(json_module.dumps(report.to_json(), indent=2) if as_json else report.text())
