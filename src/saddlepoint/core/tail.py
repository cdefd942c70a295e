"""The end of a JSONL file, without reading what is before it. No torch in here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import parse
from saddlepoint.core.reading import Absent, open_regular


def last_rows(
    path: Path, check: Callable[[Any, str], dict[str, Any]], most_bytes: int = 2**16
) -> list[dict[str, Any]]:
    """The whole lines within the last `most_bytes` of a file, oldest first; [] if it is absent.

    Args:
        check: (a line, where it stands) -> the line, or an InputError; such a line is left out.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - most_bytes)
            file.seek(start)
            lines = file.read(most_bytes).split(b"\n")
    except Absent:
        return []
    # The first began before the part that was read; the last has no line feed yet.
    whole = lines[1 if start else 0 : -1]
    rows = []
    for line in whole:
        try:
            rows.append(check(parse(line, str(path)), str(path)))
        except InputError:
            continue
    return rows
