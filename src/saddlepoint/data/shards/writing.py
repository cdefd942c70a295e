"""Writes a data set as shards: tars of the WebDataset layout, and the index beside them."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sha256_of, sync_folder
from saddlepoint.core.images import png_bytes
from saddlepoint.core.json_files import write_json
from saddlepoint.core.randomness import derive_seed
from saddlepoint.data.shards.index import MANIFEST, SCHEMA, TABLE, fingerprint_of

_BLOCK = tarfile.BLOCKSIZE


def write_shards(
    dataset: Dataset,
    folder: Path,
    n_shards: int,
    told: dict[str, Any],
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """Write the pictures into an empty folder; -> the manifest.

    They are shuffled first, always in the same way: every shard is a random sample of the whole,
    so that a few shards at a time are enough to train from. Picture i of the data set is
    `<i>.png`, its label `<i>.cls`.

    Args:
        told: further fields of the manifest.

    Raises:
        InputError: points in the plane, or fewer pictures than shards.
        OSError: the disk is full or gone.
    """
    n = len(dataset)
    if not dataset.spec.is_image:
        raise InputError(f"{dataset.name} has no pictures, and only those are put into shards.")
    if n_shards > n:
        raise InputError(
            f"--shards {n_shards} must be at most {n:,}, the number of pictures of {dataset.name}."
        )
    drawing = np.random.Generator(np.random.PCG64(derive_seed(0, "shards", n)))
    order = drawing.permutation(n)
    table = np.full((n, 3), -1, np.int64)
    shards, done = [], 0
    for number, items in enumerate(np.array_split(order, n_shards)):
        name = f"shard-{number:06d}.tar"
        content_sha256 = _write_tar(folder / name, dataset, items, table[done : done + len(items)])
        size = (folder / name).stat().st_size
        shards.append({"name": name, "n": len(items), "bytes": size, "sha256": content_sha256})
        done += len(items)
        progress(done, n)
    with open(folder / TABLE, "wb") as file:
        np.save(file, table, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    manifest = {
        "schema": SCHEMA,
        "spec": dataset.spec.to_json(),
        "classes": list(dataset.classes),
        "shards": shards,
        "table_sha256": sha256_of(folder / TABLE),
        "quarantined": dict(dataset.quarantined),
        **told,
    }
    manifest["fingerprint"] = fingerprint_of(manifest)
    # Last: a folder with a manifest is complete.
    write_json(folder / MANIFEST, manifest)
    sync_folder(folder)
    return manifest


def _write_tar(path: Path, dataset: Dataset, items: np.ndarray, table: np.ndarray) -> str:
    """Write one shard and fill its lines of the table; -> the shard's sha256."""
    digest = hashlib.sha256()
    with open(path, "wb", buffering=2**20) as file:

        def put(content: bytes) -> None:
            file.write(content)
            digest.update(content)

        for line, item in enumerate(items.tolist()):
            picture = png_bytes(dataset.images[item])
            table[line, :2] = file.tell() + _BLOCK, len(picture)
            put(_member(f"{item:09d}.png", picture))
            if dataset.labels is not None:
                table[line, 2] = label = int(dataset.labels[item])
                put(_member(f"{item:09d}.cls", str(label).encode()))
        put(bytes(2 * _BLOCK))  # the end of a tar
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _member(name: str, content: bytes) -> bytes:
    """A member of a tar: equal bytes for equal content, whoever writes it and whenever."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = len(content), 0o644
    # In a form without extensions, the header is one block.
    return header.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % _BLOCK)
