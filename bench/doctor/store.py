"""Histories on disk: one gzip of JSON lines for each data set and suite."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from saddlepoint.core.renames import todays_row

FOLDER = Path(__file__).parent / "histories"


def keep(record: dict[str, Any]) -> None:
    """Append one played case to the file of its data and suite."""
    *_, data = record["case"].split("/")
    FOLDER.mkdir(exist_ok=True)
    append(FOLDER / f"{data}-{record['suite']}.jsonl.gz", record)


def append(path: Path, record: dict[str, Any]) -> None:
    """One more line, by one write."""
    line = json.dumps(record, separators=(",", ":")) + "\n"
    with open(path, "ab", buffering=0) as file:
        file.write(gzip.compress(line.encode(), 9, mtime=0))


def records() -> Iterator[dict[str, Any]]:
    """Every played case, file by file."""
    for path in sorted(FOLDER.glob("*.jsonl.gz")):
        yield from lines(path)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every record of one file; none where there is no file yet."""
    if path.is_file():
        with gzip.open(path, "rt") as file:
            for line in file:
                record = json.loads(line)
                if "rows" in record:
                    record["rows"] = [todays_row(row) for row in record["rows"]]
                yield record


def played() -> set[tuple[str, int]]:
    """(case, seed) of what is there."""
    return {(record["case"], record["seed"]) for record in records()}
