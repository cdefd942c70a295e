"""Histories on disk: one gzip of JSON lines for each data set and suite."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "histories"


def keep(record: dict[str, Any]) -> None:
    """Append one played case as a gzip member of its own, by one write."""
    *_, data = record["case"].split("/")
    FOLDER.mkdir(exist_ok=True)
    line = json.dumps(record, separators=(",", ":")) + "\n"
    with open(FOLDER / f"{data}-{record['suite']}.jsonl.gz", "ab", buffering=0) as file:
        file.write(gzip.compress(line.encode(), 9, mtime=0))


def records() -> Iterator[dict[str, Any]]:
    """Every played case, file by file."""
    for path in sorted(FOLDER.glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as file:
            for line in file:
                yield json.loads(line)


def played() -> set[tuple[str, int]]:
    """(case, seed) of what is there."""
    return {(record["case"], record["seed"]) for record in records()}
