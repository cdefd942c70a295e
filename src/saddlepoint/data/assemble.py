"""From a listing to the arrays and the manifest of a prepared folder."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.data.archive import Reader
from saddlepoint.data.arrays import fingerprint
from saddlepoint.data.chunks import Record, Work, open_pixels
from saddlepoint.data.decode import by_name
from saddlepoint.data.labels import Labelling, encode, find_labels, is_label_file
from saddlepoint.data.listing import Entry, Listing
from saddlepoint.data.manifest import MAX_SIZE, MIN_SIZE, RULES, SCHEMA
from saddlepoint.data.worker_pool import WorkerPool, decode_all


def assemble(
    ready: Path,
    work: Work,
    listing: Listing,
    options: dict[str, Any],
    source_name: str,
    pool: WorkerPool,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    """Decode all, drop duplicates, write the arrays into the folder `ready`; -> the manifest.

    Raises:
        InputError: no usable image, images of several sizes where none is asked for, or labels that
            do not match.
        RunFailed, OSError: as `decode_all`.
    """
    candidates, label_files, quarantined = _sort_out(listing)
    if not candidates:
        raise InputError(_no_images(source_name, quarantined))
    labelling = Labelling("none", None)
    if options["labels"] == "auto":
        # Before anything is decoded: a wrong label is reported at once.
        names = [entry.name for entry in candidates]
        with closing(Reader(listing.kind, listing.root)) as reader:
            labelling = find_labels(label_files, names, quarantined, reader)
    chunks = decode_all(work, candidates, pool, progress)
    quarantined |= {r.name: r.refused for records in chunks for r in records if r.refused}
    good = [record for records in chunks for record in records if not record.refused]
    if not good:
        raise InputError(_no_images(source_name, quarantined))
    # Of equal images the first by name is kept: the order does not depend on the workers.
    first: dict[str, str] = {}
    of_digest = [(record.name, first.setdefault(record.digest, record.name)) for record in good]
    duplicates = {name: kept for name, kept in of_digest if name != kept}
    kept = [record for record in good if record.name not in duplicates]
    shape = _common_shape(kept, options["size"])
    _write_images(ready / "images.npy", work.scratch, chunks, duplicates, (len(kept), *shape))
    return {
        "schema": SCHEMA,
        "rules": RULES,
        **_describe(ready, kept, shape, labelling, duplicates),
        "source": source_name,
        "options": options,
        "listing": listing.key(stamps=False),
        "counts": {
            "files": len(kept) + len(duplicates) + len(quarantined),
            "kept": len(kept),
            "duplicates": len(duplicates),
            "quarantined": len(quarantined),
        },
        "notes": {record.name: list(record.notes) for record in kept if record.notes},
        "quarantined": dict(sorted(quarantined.items())),
        "duplicates": duplicates,
        "files": [record.name for record in kept],
    }


def _sort_out(listing: Listing) -> tuple[list[Entry], list[Entry], dict[str, str]]:
    """-> candidate images, files of labels, and what is refused by its name alone."""
    candidates, label_files = [], []
    quarantined = dict(listing.rejected)
    for entry in listing.entries:
        reason = by_name(entry.name)
        if is_label_file(entry.name):
            label_files.append(entry)
        elif reason is not None:
            quarantined[entry.name] = reason
        else:
            candidates.append(entry)
    return candidates, label_files, quarantined


def _no_images(source_name: str, quarantined: dict[str, str]) -> str:
    reasons = Counter(quarantined.values()).most_common(3)
    found = "; ".join(f"{n} x {reason}" for reason, n in reasons) or "it is empty"
    return (
        f"No images in {source_name} ({found}); give a folder, zip or tar of PNG, JPEG or other "
        f"image files."
    )


def _common_shape(kept: list[Record], size: int | None) -> tuple[int, int, int]:
    """[h, w, c] of the result; without a wanted size all images must share one square size."""
    channels = max(record.shape[2] for record in kept)
    height, width = kept[0].shape[:2]
    if size is None:
        for record in kept:
            if record.shape[:2] != (height, width) or height != width:
                found = f"{kept[0].name} is {width}x{height}"
                if record is not kept[0]:
                    found += f" and {record.name} is {record.shape[1]}x{record.shape[0]}"
                raise InputError(
                    f"Without a size all images must be square and of the same size, but {found}; "
                    f"give --size, such as 64."
                )
        if not MIN_SIZE <= height <= MAX_SIZE:
            raise InputError(
                f"The images are {width}x{height}, but {MIN_SIZE} to {MAX_SIZE} pixels are "
                f"allowed; give --size, such as 64."
            )
    return height, width, channels


def _write_images(
    path: Path,
    scratch: Path,
    chunks: list[list[Record]],
    duplicates: dict[str, str],
    shape: tuple[int, int, int, int],
) -> None:
    """Write the .npy as a stream: a full disk raises an error here, but kills a process that
    writes to a memory map."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with open(path, "wb", buffering=2**20) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for number, records in enumerate(chunks):
            with open_pixels(scratch, number) as content:
                for record in records:
                    # One image in memory at a time, whatever the size of the set.
                    pixels = content.read(math.prod(record.shape) if record.shape else 0)
                    if record.refused or record.name in duplicates:
                        continue
                    if record.shape == shape[1:]:
                        file.write(pixels)
                    else:  # a grey image in a set with colour: its value three times
                        file.write(np.repeat(np.frombuffer(pixels, np.uint8), shape[3]).tobytes())
        file.flush()
        os.fsync(file.fileno())


def _describe(
    ready: Path,
    kept: list[Record],
    shape: tuple[int, int, int],
    labelling: Labelling,
    duplicates: dict[str, str],
) -> dict[str, Any]:
    """Write labels.npy if there are labels; -> the manifest's facts about content."""
    labels, classes, counts = None, (), []
    by_name = labelling.by_name or {}
    if labelling.by_name is not None:
        labels, classes = encode([by_name[record.name] for record in kept])
        counts = np.bincount(labels, minlength=len(classes)).tolist()
        np.save(ready / "labels.npy", labels)
    spec = DataSpec(shape=(shape[2], shape[0], shape[1]), n_classes=len(classes))
    images = np.load(ready / "images.npy", mmap_mode="r")
    return {
        "fingerprint": fingerprint(spec, images, labels),
        "spec": spec.to_json(),
        "classes": list(classes),
        "class_counts": dict(zip(classes, counts, strict=True)),
        "empty_classes": sorted({str(label) for label in by_name.values()} - set(classes)),
        "labels_from": labelling.origin,
        "contradictions": [d for d, k in duplicates.items() if by_name.get(d) != by_name.get(k)],
    }
