"""The one reader and the one writer of JSON: strict, of bounded size and depth. No torch in here.

NaN and Infinity are neither read nor written: they are not JSON, and other programs refuse them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import write_atomically
from saddlepoint.core.reading import MOST_BYTES, open_regular, read_bytes
from saddlepoint.core.shapes import shaped

MOST_DEPTH = 64
"""Lists and objects inside one another; ours have fewer than ten."""
MOST_DIGITS = 19
"""Of a whole number: those of 64 bits."""
MOST_LINE = 2**24
"""Bytes of one line of a JSONL file."""
MOST_ROWS = 2**28
"""Bytes of a JSONL file: some hundred thousand lines."""


class Rows(NamedTuple):
    """The lines of a JSONL file."""

    good: list[Any]
    bad: list[bytes]
    """What could not be read, as it stands in the file; without a torn last line."""
    first_fault: str
    """What is wrong with the first of `bad`, and where; "" when there is none."""


def parse(text: bytes | str, where: str) -> Any:
    """JSON text -> plain values.

    Args:
        where: what the text is, to begin the sentence with.

    Raises:
        InputError: not UTF-8, not JSON, too deep, or a number that is out of range.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        document = json.loads(
            text, parse_int=_whole, parse_float=_finite, parse_constant=_no_number
        )
    except json.JSONDecodeError as error:
        place = f", line {error.lineno}" if error.lineno > 1 else ""
        raise InputError(f"{where}{place}: not valid JSON ({error.msg}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 text (byte {error.start + 1}).") from error
    except RecursionError:
        raise _too_deep(where) from None
    except ValueError as error:
        raise InputError(f"{where}: {error}.") from error
    # No document is deeper than it has opening brackets, which are counted in no time.
    if text.count("[") + text.count("{") > MOST_DEPTH and _depth(document) > MOST_DEPTH:
        raise _too_deep(where)
    return document


def read_json(path: Path, hint: Any = Any, most: int = MOST_BYTES) -> Any:
    """The document in a file, checked against a type as in `shapes.shaped`.

    Raises:
        Absent: there is no such file.
        InputError: it cannot be read, is not JSON, or a field is wrong; names file and field.
    """
    return shaped(parse(read_bytes(path, most), str(path)), hint, f"{path}: document")


def read_rows(path: Path, check: Callable[[Any, str], dict[str, Any]]) -> Rows:
    """The lines of a JSONL file; one that is absent has none.

    Args:
        check: (a line, where it stands) -> the line, or an InputError.

    A last line without its line feed was being written when the process was killed: it is used if
    it is whole, and else dropped.

    Raises:
        InputError: the file cannot be read.
    """
    good: list[Any] = []
    bad: list[bytes] = []
    first_fault = ""
    if not os.path.lexists(path):
        return Rows(good, bad, first_fault)
    with open_regular(path, MOST_ROWS) as file:
        number = 0
        while line := file.readline(MOST_LINE):
            number += 1
            try:
                where = f"{path}, line {number}"
                good.append(check(parse(line, where), where))
            except InputError as error:
                if not line.endswith(b"\n") and len(line) < MOST_LINE:
                    break
                first_fault = first_fault or str(error)
                bad.append(line)
    return Rows(good, bad, first_fault)


def dumps(document: Any, indent: int | None = None, sort_keys: bool = False) -> str:
    """Strict JSON text.

    Raises:
        ValueError: NaN or Infinity.
    """
    return json.dumps(document, indent=indent, sort_keys=sort_keys, allow_nan=False)


def write_json(path: Path, document: Any) -> None:
    """Write a document completely or not at all."""
    write_atomically(path, (dumps(document, indent=2) + "\n").encode())


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Append one object as one line, in a single write."""
    # Unbuffered: a kill leaves at most one torn line, which the next resume drops.
    with open(path, "ab", buffering=0) as file:
        file.write((dumps(row) + "\n").encode())


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a JSONL file completely or not at all."""
    write_atomically(path, "".join(dumps(row) + "\n" for row in rows).encode())


def sha256_of_json(document: Any) -> str:
    """sha256 of a JSON document, hex, whatever the order of its keys."""
    return hashlib.sha256(dumps(document, sort_keys=True).encode()).hexdigest()


def finite(value: float) -> float | None:
    """The value, or None where it is NaN or infinite, which no JSON can hold."""
    return value if math.isfinite(value) else None


def _whole(digits: str) -> int:
    if len(digits.removeprefix("-")) > MOST_DIGITS or abs(int(digits)) >= 2**63:
        raise ValueError(f"a whole number of {len(digits)} digits is beyond 64 bits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:40]} is beyond double precision")
    return value


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _depth(document: Any) -> int:
    depth, level = 0, [document]
    while level:
        depth += 1
        holders = [item for item in level if isinstance(item, dict | list)]
        level = [v for h in holders for v in (h.values() if isinstance(h, dict) else h)]
    return depth


def _too_deep(where: str) -> InputError:
    return InputError(f"{where}: nested too deeply, more than {MOST_DEPTH} lists and objects.")
