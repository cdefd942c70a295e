"""saddle data list, saddle data prepare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from saddlepoint.cli.flags import parse


def data_list(argv: list[str]) -> None:
    """Every data set with a name, and where it lies on this machine."""

    def flags(json: bool = False) -> bool:
        """List the data sets and where they lie; nothing is downloaded.

        Args:
            json: One JSON document on stdout.
        """
        return json

    as_json = parse(flags, "saddle data list", argv)
    from saddlepoint.data.resolve import available

    rows = available()
    if as_json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
        return
    width = max(len(row.name) for row in rows)
    for row in rows:
        print(f"{row.name:<{width}}  {row.where or '(not here yet)'}")
        print(f"{'':<{width}}  {row.description}")


def data_prepare(argv: list[str]) -> None:
    """Any folder, zip or archive to a ready data set, with a report of what was wrong."""

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
        """Turn any folder, zip or tar of images into a memory-mapped data set.

        Args:
            source: A folder, zip or tar of images.
            out: The folder to make.
            size: Height and width in pixels; 0 keeps the size that all images share.
            fit: Of an image that is not square, crop the middle or pad with black.
            channels: grey or rgb; auto is grey when every image is.
            labels: auto takes them from sub-folders or a file of labels; none ignores both.
            workers: Processes; by default one a core.
            json: The manifest's summary as one JSON document on stdout.
        """
        return locals()

    asked = parse(flags, "saddle data prepare", argv)
    from saddlepoint import api

    as_json = asked.pop("json")
    asked["size"] = asked["size"] or None
    report = api.prepare(**asked)
    print(json.dumps(report.to_json(), indent=2) if as_json else report.text())
