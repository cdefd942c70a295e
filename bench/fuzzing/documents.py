"""Changes inside our own JSON: one value, one key, one line."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from fuzzing import wild
from fuzzing.damage import matching, step
from saddlepoint.core.json_files import sha256_of_json

MARK = "\ue000 a value that is put in as text \ue000"
"""json.dumps writes no NaN of a hundred digits, so the wild text replaces this one."""


@step
def value(world: Path, path: str, at: float, to: str, line: float = 0.0, pick: float = 0.0) -> None:
    """Put the wild value named `to` in the place of one that is there."""
    target = matching(world, path, pick)

    def change(document: Any) -> str:
        holder, key = _place(document, at)
        if holder is None:
            return wild.JSON[to]
        holder[key] = MARK
        return _text(document).replace(json.dumps(MARK), wild.JSON[to])

    _change(target, line, change)


@step
def nudge(
    world: Path, path: str, key: str, by: float, line: float = 0.0, pick: float = 0.0
) -> None:
    """A value of the right type that is not the right one: numbers are shifted, texts cut."""
    target = matching(world, path, pick)

    def change(document: Any) -> str:
        if isinstance(document, dict) and key in document:
            old = document[key]
            if isinstance(old, dict):
                document[key] = {}
            elif isinstance(old, list | str):
                document[key] = old[:-1]
            else:
                document[key] = (old or 0) + by
        return _text(document)

    _change(target, line, change)


@step
def without(world: Path, path: str, at: float, line: float = 0.0, pick: float = 0.0) -> None:
    """Leave out one value, with its key."""
    target = matching(world, path, pick)

    def change(document: Any) -> str:
        holder, key = _place(document, at)
        if holder is None:
            return ""
        del holder[key]
        return _text(document)

    _change(target, line, change)


@step
def with_key(
    world: Path, path: str, key: str, to: str, line: float = 0.0, pick: float = 0.0
) -> None:
    """One key more, or another value of it: a field of a newer version, or a hostile one."""
    target = matching(world, path, pick)

    def change(document: Any) -> str:
        if isinstance(document, dict):
            document[key] = MARK
        return _text(document).replace(json.dumps(MARK), wild.JSON[to])

    _change(target, line, change)


@step
def sign_again(world: Path, path: str, pick: float = 0.0) -> None:
    """Give the state.json of a checkpoint the hashes of its files and of itself as they are now."""
    target = matching(world, path, pick)
    try:
        document = json.loads(target.read_text())
    except (ValueError, RecursionError):
        return  # an earlier step has been here
    if not isinstance(document, dict):
        return
    files = document.get("files")
    for name in files if isinstance(files, dict) else ():
        file = target.parent / name
        if file.is_file():
            files[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    if "sha256" in document:
        content = {name: value for name, value in document.items() if name != "sha256"}
        with contextlib.suppress(ValueError):  # Infinity, by an earlier step
            document["sha256"] = sha256_of_json(content)
    target.write_text(_text(document))


def _change(target: Path, line: float, change: Any) -> None:
    """Rewrite one document, or one line of a .jsonl file."""
    if not target.is_file():
        raise FileNotFoundError(target)
    content = target.read_text(errors="surrogateescape")
    lines = content.splitlines(keepends=True) if target.suffix == ".jsonl" else [content]
    if not lines:
        return
    chosen = int(line * len(lines))
    try:
        document = json.loads(lines[chosen])
    except (ValueError, RecursionError):
        return  # an earlier step has been here
    lines[chosen] = change(document) + "\n"
    target.write_text("".join(lines), errors="surrogateescape")


def _place(document: Any, at: float) -> tuple[Any, Any]:
    """(holder, key) of the value at a fraction of all values; (None, None) is the document."""
    places: list[tuple[Any, Any]] = [(None, None)]
    waiting = [document]
    while waiting:
        holder = waiting.pop()
        keys: Any = ()
        if isinstance(holder, dict):
            keys = holder
        elif isinstance(holder, list):
            keys = range(len(holder))
        for key in keys:
            places.append((holder, key))
            waiting.append(holder[key])
    return places[int(at * len(places))]


def _text(document: Any) -> str:
    return json.dumps(document)
