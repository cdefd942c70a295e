"""Shards that others wrote: read through once to know what is in them, and remembered in the cache.

A sample is what has one name up to the first dot: a picture (.png, .jpg and so on), and its label
in .cls (a whole number) or .json (`label`).
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.damage import decoding
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder, sha256_of, whole_file
from saddlepoint.core.json_files import parse, read_json, sha256_of_json, write_json
from saddlepoint.core.limits import available_memory
from saddlepoint.core.reading import Absent
from saddlepoint.data import tar
from saddlepoint.data.array_files import map_npy
from saddlepoint.data.arrays import MOST_CLASSES
from saddlepoint.data.decode import SUFFIXES, Recipe, decode, quiet_pillow
from saddlepoint.data.listing import MAX_FILE_BYTES, Refused, is_ignored, too_large
from saddlepoint.data.manifest import MOST_BYTES
from saddlepoint.data.progress import progress_bars
from saddlepoint.data.shards.index import (
    LABEL,
    MOST_SHARD,
    SCHEMA,
    Index,
    ShardEntry,
    ShardManifest,
    cached,
    checked,
    fingerprint_of,
)
from saddlepoint.data.shards.store import Store

MOST_NAMES = 10**6
_RANGE = re.compile(r"(.*)\{(\d{1,9})\.\.(\d{1,9})\}(.*)")
NO_LABEL = -1


def names_in(pattern: str) -> list[str]:
    """`train-{000..146}.tar` -> the names that it stands for; a name without braces stands for
    itself.

    Raises:
        InputError: none, or more than a million.
    """
    match = _RANGE.fullmatch(pattern)
    if match is None:
        return [pattern]
    first, last = int(match[2]), int(match[3])
    if not 0 <= last - first < MOST_NAMES:
        raise InputError(f"{pattern} stands for no names, or too many; write {{000..146}}.")
    width = len(match[2])
    return [f"{match[1]}{number:0{width}d}{match[4]}" for number in range(first, last + 1)]


def holds_tars(folder: Path) -> bool:
    """Whether a folder of this machine holds tars, and neither pictures nor folders of them."""
    try:
        names = [path.name for path in folder.iterdir() if not is_ignored(path.name)]
    except OSError:  # whoever opens the folder says why it cannot be read
        return False
    tars = any(name.endswith(".tar") for name in names)
    pictures = (Path(name).suffix.lower() in SUFFIXES for name in names)
    return tars and not any(pictures) and not any((folder / name).is_dir() for name in names)


@dataclass(kw_only=True)
class _Found:
    """What one reading of all shards finds."""

    shards: list[ShardEntry] = field(default_factory=list)
    lines: list[tuple[int, int, int]] = field(default_factory=list)
    """As in the table."""
    quarantined: dict[str, str] = field(default_factory=dict)
    unlabelled: list[str] = field(default_factory=list)
    coloured: bool = False


def foreign_index(
    store: Store, names: list[str], *, size: int, fit: str, skip_bad: bool
) -> tuple[Index, Recipe]:
    """The index of shards without one, and how their pictures become those of one size.

    Every shard is read, and every picture decoded, the first time; what cannot be read is left out
    then, and no picture can end a run later.

    Args:
        skip_bad: leave out shards that cannot be read.

    Raises:
        InputError: a bad shard, no pictures, or pictures of which only some have labels.
        RunFailed: the store cannot be reached.
    """
    stamps = [store.stamp(name) for name in names]
    key = sha256_of_json([store.place, names, stamps, size, fit, skip_bad])[:20]
    file = cache_folder() / "shards" / f"{key}.json"
    try:
        manifest = read_json(file, ShardManifest, most=MOST_BYTES)
    except InputError:  # none yet, or it was damaged
        manifest = _read_through(store, names, Recipe(size, fit, "auto"), skip_bad)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {**manifest, "spec": manifest["spec"].to_json()})
    table = cached(manifest["table_sha256"])
    if not table.is_file():
        file.unlink(missing_ok=True)
        raise InputError(f"{table} is gone; give the same command again: the shards are read anew.")
    index = Index(manifest=manifest, table=map_npy(table, f"delete {file}"))
    channels = "rgb" if manifest["spec"].channels == 3 else "grey"
    return checked(index, str(file)), Recipe(size, fit, channels)


def _read_through(store: Store, names: list[str], recipe: Recipe, skip_bad: bool) -> ShardManifest:
    found = _Found()
    with progress_bars() as progress:
        for number, name in enumerate(names):
            try:
                _read_one(store, name, recipe, found)
            except InputError as error:
                if not skip_bad:
                    raise InputError(
                        f"{str(error).rstrip('.')}; or leave out all bad shards with "
                        "--source.skip-bad-shards."
                    ) from error
                found.quarantined[name] = str(error)
            progress("Reading all shards, once", number + 1, len(names))
    if not found.lines:
        raise InputError(f"{store.place}: no pictures in {len(names)} shard(s).")
    labels = [line[LABEL] for line in found.lines]
    if found.unlabelled and max(labels) != NO_LABEL:
        raise InputError(
            f"{store.place}: {len(found.unlabelled):,} pictures have no label, such as "
            f"{found.unlabelled[0]}, and others have one; give labels to all or to none."
        )
    table = np.array(found.lines, np.int64)
    sha256 = _keep(table)
    classes = [str(label) for label in range(max(labels) + 1)]
    shape = (3 if found.coloured else 1, recipe.size or 0, recipe.size or 0)
    manifest: ShardManifest = {
        "schema": SCHEMA,
        "spec": DataSpec(shape=shape, n_classes=len(classes)),
        "classes": classes,
        "shards": found.shards,
        "table_sha256": sha256,
        "fingerprint": "",
        "options": {"size": recipe.size, "fit": recipe.fit},
        "quarantined": found.quarantined,
    }
    # What the pictures become is part of what the data are.
    manifest["fingerprint"] = sha256_of_json([fingerprint_of(manifest), manifest["options"]])
    return manifest


def _keep(table: np.ndarray) -> str:
    """Put a table into the cache; -> its sha256."""
    folder = cached("").parent
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "new.npy"
    with whole_file(fresh) as file:
        np.save(file, table, allow_pickle=False)
    sha256 = sha256_of(fresh)
    fresh.replace(cached(sha256))
    return sha256


def _read_one(store: Store, name: str, recipe: Recipe, found: _Found) -> None:
    """Add a shard to what was found, unless it holds no picture."""
    where = f"{store.place}/{name}"
    try:
        content = store.read(name, min(MOST_SHARD, available_memory() // 2))
    except Absent:
        raise InputError(f"{where} is missing; fetch it again.") from None
    samples: dict[str, dict[str, Any]] = {}
    with decoding(where, "fetch it again"):
        for member in tar.members_in(io.BytesIO(content)):
            folder, base = posixpath.split(member.name)
            stem, _, ending = base.partition(".")
            if member.isreg() and not member.issparse() and stem:
                samples.setdefault(posixpath.join(folder, stem), {})[ending.lower()] = member
    lines = []
    with quiet_pillow():
        for key, parts in samples.items():
            picture = next(
                (parts[e] for e in parts if f".{e.rpartition('.')[2]}" in SUFFIXES), None
            )
            if picture is None:
                continue
            try:
                label = _label(content, parts)
                pixels = _bytes(content, picture)
                found.coloured |= decode(pixels, recipe).shape[2] == 3
            except Refused as error:
                found.quarantined[f"{name}/{key}"] = str(error)
                continue
            if label == NO_LABEL:
                found.unlabelled.append(f"{name}/{key}")
            lines.append((picture.offset_data, picture.size, label))
    if lines:
        digest = hashlib.sha256(content).hexdigest()
        shard = ShardEntry(name=name, n=len(lines), bytes=len(content), sha256=digest)
        found.shards.append(shard)
        found.lines += lines


def _bytes(content: bytes, member: Any) -> bytes:
    if reason := too_large(member.size):
        raise Refused(reason)
    return content[member.offset_data : member.offset_data + min(member.size, MAX_FILE_BYTES)]


def _label(content: bytes, parts: dict[str, Any]) -> int:
    """The label of a sample, NO_LABEL without one; raises Refused for one that is no class."""
    label: Any = NO_LABEL
    try:
        if "cls" in parts:
            label = parse(_bytes(content, parts["cls"]).strip(), "its label")
        elif "json" in parts:
            document = parse(_bytes(content, parts["json"]), "its .json")
            label = document.get("label", NO_LABEL) if isinstance(document, dict) else NO_LABEL
    except InputError as error:
        raise Refused(str(error).rstrip(".")) from error
    if type(label) is not int or not NO_LABEL <= label < MOST_CLASSES:
        raise Refused("its label is no whole number from 0 on")
    return label
