"""From the place of shards to a data set."""

from __future__ import annotations

import numpy as np

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.reading import Absent
from saddlepoint.core.streams import tell
from saddlepoint.data.progress import progress_bars
from saddlepoint.data.shards.foreign import foreign_index, names_in
from saddlepoint.data.shards.index import (
    LABEL,
    MANIFEST,
    Index,
    ShardManifest,
    fingerprint_of,
    read_index,
)
from saddlepoint.data.shards.pictures import ShardedPictures, read_shard
from saddlepoint.data.shards.store import Store, store_of


def open_shards(
    place: str, *, size: int = 64, fit: str = "crop", skip_bad: bool = False
) -> Dataset:
    """Shards -> a Dataset that reads them when pictures are asked for.

    Args:
        place: a folder or an address, with or without `/manifest.json`; of shards that others wrote
            also `folder/train-{000..146}.tar`.
        size, fit: of pictures that others wrote: as in `prepare`.
        skip_bad: read all shards now, and leave out those that are missing, short or changed.

    Raises:
        InputError: no shards, a damaged index, or nothing but bad shards.
        RunFailed: the store cannot be reached.
    """
    place = place.rstrip("/").removesuffix(f"/{MANIFEST}")
    folder, _, name = place.rpartition("/")
    pattern = name if name.endswith(".tar") else ""
    store = store_of((folder or ".") if pattern else place)
    index, recipe = _own_index(store) if not pattern else None, None
    if index is None:
        names = names_in(pattern) if pattern else _tars(store)
        index, recipe = foreign_index(store, names, size=size, fit=fit, skip_bad=skip_bad)
    elif skip_bad:
        index = _without_bad(store, index)
    manifest = index.manifest
    labels = np.array(index.table[:, LABEL]) if manifest["classes"] else None
    return Dataset(
        name=store.place.rpartition("/")[2] or "shards",
        spec=manifest["spec"],
        images=ShardedPictures(store, index, recipe),
        labels=labels,
        classes=tuple(manifest["classes"]),
        fingerprint=manifest["fingerprint"],
        quarantined=manifest["quarantined"],
        shards=index.counts,
    )


def _own_index(store: Store) -> Index | None:
    try:
        return read_index(store)
    except Absent:
        return None


def _tars(store: Store) -> list[str]:
    """The shards of a place without an index."""
    try:
        names = store.tars()
    except Absent:
        names = []
    if not names:
        raise InputError(
            f"{store.place} has no {MANIFEST} of shards, and no .tar could be listed there; write "
            "shards with `saddle data prepare SOURCE --out DIR --shards N`, or name those of "
            "others, as in faces-{000..146}.tar."
        )
    return names


def _without_bad(store: Store, index: Index) -> Index:
    """The index without the shards that cannot be read, which are told and quarantined."""
    manifest, bad = index.manifest, {}
    with progress_bars() as progress:
        for number, shard in enumerate(manifest["shards"]):
            try:
                read_shard(store, shard)
            except InputError as error:
                bad[shard["name"]] = str(error).partition(";")[0].removeprefix(f"{store.place}/")
            progress("Checking shards", number + 1, len(manifest["shards"]))
    if not bad:
        return index
    kept = [shard for shard in manifest["shards"] if shard["name"] not in bad]
    if not kept:
        raise InputError(f"{store.place}: every shard is bad, the first: {min(bad.values())}.")
    rows = np.repeat([shard["name"] not in bad for shard in manifest["shards"]], index.counts)
    lost = len(rows) - int(rows.sum())
    tell(f"Left out {len(bad)} bad shard(s) with {lost:,} pictures: {'; '.join(bad.values())}.")
    left: ShardManifest = {**manifest, "shards": kept}
    left["quarantined"] = {**manifest["quarantined"], **bad}
    left["fingerprint"] = fingerprint_of(left)
    return Index(manifest=left, table=index.table[rows])
