"""Opening prepared folders, and preparing raw images on first use into the cache."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

from saddlepoint.core.config_json import from_json
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder
from saddlepoint.core.json_files import dumps
from saddlepoint.core.outputs import check_writable
from saddlepoint.data.archive import list_source
from saddlepoint.data.array_files import map_npy
from saddlepoint.data.arrays import check_images, checked_labels, fingerprint
from saddlepoint.data.manifest import RULES, read_manifest
from saddlepoint.data.prepare import prepare
from saddlepoint.data.progress import progress_bars
from saddlepoint.data.verified import verify


def open_prepared(folder: Path, name: str = "") -> Dataset:
    """A folder written by `prepare` -> a Dataset over its memory map.

    Raises:
        InputError: not a prepared folder, or its arrays do not fit its manifest.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(
            f"{folder} has no manifest.json of a prepared data set; create one with "
            f"`saddle data prepare SOURCE --out {folder}`."
        )
    try:
        spec = from_json(manifest["spec"], DataSpec, "spec")
    except InputError as error:
        raise InputError(f"{folder}/manifest.json: {error}") from error
    images = map_npy(folder / "images.npy", "prepare the set again")
    check_images(f"{folder}/images.npy", images)
    n, height, width, channels = images.shape
    told = (len(manifest["files"]), spec.shape, spec.n_classes)
    if told != (n, (channels, height, width), len(manifest["classes"])):
        raise InputError(
            f"{folder}/images.npy holds {n} images [c, h, w] = {[channels, height, width]}, but "
            f"manifest.json says {told[0]} of {list(spec.shape)}, {spec.n_classes} classes and "
            f"{len(manifest['classes'])} names of them; prepare the set again."
        )
    labels = None
    if spec.n_classes:
        labels = map_npy(folder / "labels.npy", "prepare the set again")
        labels = checked_labels(f"{folder}/labels.npy", labels, n, spec.n_classes)
    verify(folder, manifest["fingerprint"], lambda: fingerprint(spec, images, labels))
    return Dataset(
        name=name or folder.resolve().name,
        spec=spec,
        images=images,
        labels=labels,
        classes=tuple(manifest["classes"]),
        fingerprint=manifest["fingerprint"],
        quarantined=manifest["quarantined"],
    )


def open_raw(source: Path, name: str, *, size: int, fit: str, labels: str) -> Dataset:
    """Prepare a folder or archive of images on first use, and open the result.

    The result is cached under a hash of the options, the version of the rules, and the files'
    names, sizes and times, so that whatever changes is prepared again.

    Raises:
        InputError: as in `prepare`.
    """
    options = {"size": size, "fit": fit, "labels": labels, "rules": RULES}
    if source.is_file():
        stamp = f"{source.stat().st_size} {source.stat().st_mtime_ns}"
    else:  # a folder, or nothing: then this says so
        stamp = list_source(source, lambda: Path(tempfile.gettempdir())).key(stamps=True)
    text = dumps([str(source.resolve()), stamp, options])
    key = hashlib.sha256(text.encode()).hexdigest()[:20]
    out = cache_folder() / "prepared" / key
    # A set that was damaged in the cache is prepared again; so is one that is not there yet.
    with suppress(InputError):
        return open_prepared(out, name)
    check_writable(out.parent, f"The cache {out.parent}, which XDG_CACHE_HOME can move,")
    shutil.rmtree(out, ignore_errors=True)
    with progress_bars() as progress:
        told = partial(progress, f"Preparing {source.name}")
        prepare(source, out, size=size, fit=fit, labels=labels, progress=told)
    return open_prepared(out, name)
