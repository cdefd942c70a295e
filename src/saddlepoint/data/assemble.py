"""From the chunks of decoded images to the arrays of a prepared folder."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.data.chunks import Record, read_pixels
from saddlepoint.data.fingerprint import fingerprint
from saddlepoint.data.labels import Labelling, encode
from saddlepoint.data.manifest import MAX_SIZE, MIN_SIZE, SCHEMA


def common_shape(kept: list[Record], options: dict[str, Any]) -> tuple[int, int, int]:
    """[h, w, c] of the result; without a wanted size all images must share one square size."""
    channels = max(record.shape[2] for record in kept)
    height, width = kept[0].shape[:2]
    if options["size"] is None:
        for record in kept:
            if record.shape[:2] != (height, width) or height != width:
                other = f"{record.name} is {record.shape[1]}x{record.shape[0]}"
                raise InputError(
                    f"Without a size all images must be square and of one size, but "
                    f"{kept[0].name} is {width}x{height} and {other}; give --size, such as 64."
                )
        if not MIN_SIZE <= height <= MAX_SIZE:
            raise InputError(
                f"The images are {width}x{height}, but {MIN_SIZE} to {MAX_SIZE} pixels are "
                f"allowed; give --size, such as 64."
            )
    return height, width, channels


def write_images(
    path: Path,
    scratch: Path,
    chunks: list[list[Record]],
    duplicates: dict[str, str],
    shape: tuple[int, int, int, int],
) -> None:
    """Write the .npy as a stream: on a full disk that is an error, where a memory map would die."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with open(path, "wb", buffering=2**20) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for number, records in enumerate(chunks):
            content = read_pixels(scratch, number)
            start = 0
            for record in records:
                length = math.prod(record.shape) if record.shape else 0
                pixels = content[start : start + length]
                start += length
                if record.refused or record.name in duplicates:
                    continue
                if record.shape == shape[1:]:
                    file.write(pixels)
                else:  # grey among colour: the same value three times
                    file.write(np.repeat(np.frombuffer(pixels, np.uint8), shape[3]).tobytes())
        file.flush()
        os.fsync(file.fileno())


def describe(
    ready: Path,
    kept: list[Record],
    shape: tuple[int, int, int],
    labelling: Labelling,
    duplicates: dict[str, str],
) -> dict[str, Any]:
    """Write labels.npy if there are labels; -> the part of the manifest that is about content."""
    labels, classes, by_name = None, (), labelling.by_name
    if by_name is not None:
        labels, classes = encode([by_name[record.name] for record in kept])
        np.save(ready / "labels.npy", labels)
    spec = DataSpec(shape=(shape[2], shape[0], shape[1]), n_classes=len(classes))
    images = np.load(ready / "images.npy", mmap_mode="r")
    counts = [] if labels is None else np.bincount(labels, minlength=len(classes)).tolist()
    named = {} if by_name is None else by_name
    return {
        "schema": SCHEMA,
        "fingerprint": fingerprint(spec, images, labels),
        "spec": spec.to_json(),
        "classes": list(classes),
        "class_counts": dict(zip(classes, counts, strict=True)),
        "empty_classes": sorted({str(label) for label in named.values()} - set(classes)),
        "labels_from": labelling.origin,
        "contradictions": [d for d, k in duplicates.items() if named.get(d) != named.get(k)],
    }
