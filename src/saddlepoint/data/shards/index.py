"""What is in which shard: manifest.json, and a table with a line for each picture.

Both lie beside shards that `saddle data prepare --shards` wrote. For shards of others, which are
read through once, they lie in the cache (foreign.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np

from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder, sha256_of, write_atomically
from saddlepoint.core.json_files import parse, read_json, sha256_of_json
from saddlepoint.core.shapes import shaped
from saddlepoint.data.array_files import map_npy
from saddlepoint.data.manifest import MOST_BYTES
from saddlepoint.data.shards.store import LocalStore, Store

SCHEMA = "saddlepoint-shards-1"
MANIFEST, TABLE = "manifest.json", "samples.npy"
MOST_MANIFEST = 2**26
MOST_SHARD = 2**34
"""Bytes of a shard, which is held in memory: 16 GiB."""
MOST_TABLE = 2**40
OFFSET, SIZE, LABEL = range(3)
"""Columns of the table: where in the shard the picture's bytes are, how many, and its label (-1:
none)."""


class ShardEntry(TypedDict):
    """A shard in the manifest."""

    name: str
    n: Annotated[int, (1, 2**40)]
    bytes: Annotated[int, (1, MOST_SHARD)]
    sha256: str


class ShardManifest(TypedDict):
    """What readers rely on."""

    schema: str
    spec: DataSpec
    classes: list[str]
    shards: list[ShardEntry]
    table_sha256: str
    fingerprint: str
    options: dict[str, Any]
    quarantined: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Index:
    """The manifest, checked, and its table."""

    manifest: ShardManifest
    table: np.ndarray
    """int64 [n, 3], often a read-only memory map: offset, bytes, label."""

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(shard["n"] for shard in self.manifest["shards"])


def holds_shards(folder: Path) -> bool:
    """Whether a folder of this machine has the manifest of shards, of this version or another."""
    try:
        return _is_ours(read_json(folder / MANIFEST, most=MOST_BYTES))
    except InputError:  # whoever opens the folder says what is wrong with it
        return False


def _is_ours(document: Any) -> bool:
    return isinstance(document, dict) and "saddlepoint-shards" in str(document.get("schema"))


def fingerprint_of(manifest: dict[str, Any] | ShardManifest) -> str:
    """sha256 (hex) over what the pictures and labels are: spec, classes, shards and table."""
    spec = manifest["spec"]
    spec = spec.to_json() if isinstance(spec, DataSpec) else spec
    shards = [[shard["name"], shard["n"], shard["sha256"]] for shard in manifest["shards"]]
    return sha256_of_json([spec, manifest["classes"], shards, manifest["table_sha256"]])


def read_index(store: Store) -> Index | None:
    """The index beside the shards; None where there is none.

    Raises:
        InputError: it is damaged, or of another version.
        RunFailed: the store cannot be reached.
    """
    where = f"{store.place}/{MANIFEST}"
    content = store.read(MANIFEST, MOST_MANIFEST)
    document = parse(content, where)
    if not _is_ours(document):
        return None
    if document["schema"] != SCHEMA:
        raise InputError(
            f"{where} is of the form {document['schema']}, this version reads {SCHEMA}; write the "
            "shards again."
        )
    manifest = shaped(document, ShardManifest, f"{where}: document")
    if not manifest["shards"] or fingerprint_of(manifest) != manifest["fingerprint"]:
        raise InputError(f"{where} is not as it was written; fetch it again.")
    table = _table(store, manifest["table_sha256"])
    return checked(Index(manifest=manifest, table=table), where)


def _table(store: Store, sha256: str) -> np.ndarray:
    """The table, memory-mapped; of shards elsewhere from a copy in the cache."""
    here = isinstance(store, LocalStore)
    file = store.folder / TABLE if here else cached(sha256)
    if not here and not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, store.read(TABLE, MOST_TABLE))
    if sha256_of(file) != sha256:
        if not here:
            file.unlink()  # so that it is fetched again
        raise InputError(
            f"{store.place}/{TABLE} does not have the sha256 of {MANIFEST}; fetch it again."
        )
    return map_npy(file, "fetch it again")


def cached(name: str) -> Path:
    """Where the cache keeps a table."""
    return cache_folder() / "shards" / f"{name[:32]}.npy"


def checked(index: Index, where: str) -> Index:
    """The index, if table and manifest agree; raises InputError."""
    manifest, table = index.manifest, index.table
    n = sum(index.counts)
    good = table.dtype == np.int64 and table.shape == (n, 3) and manifest["spec"].is_image
    good = good and len(manifest["classes"]) == manifest["spec"].n_classes
    if not good:
        raise InputError(
            f"{where} announces {n:,} pictures, and its table is {table.dtype} "
            f"{list(table.shape)}; write the shards again."
        )
    least, most = (0, len(manifest["classes"]) - 1) if manifest["classes"] else (-1, -1)
    start = 0
    for shard in manifest["shards"]:
        offset, size, label = table[start : start + shard["n"]].T
        start += shard["n"]
        # In this order: a sum of two large numbers may be negative.
        inside = (offset >= 0) & (size > 0) & (offset <= shard["bytes"])
        inside &= size <= shard["bytes"] - offset
        if not (inside & (label >= least) & (label <= most)).all():
            raise InputError(f"{where}: a line of its table points outside {shard['name']}.")
    return index
