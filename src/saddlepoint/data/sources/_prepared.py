"""Opening prepared folders, and preparing raw images on first use into the cache."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from saddlepoint.core.config_json import from_json
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.files import cache_folder
from saddlepoint.core.json_files import dumps
from saddlepoint.core.outputs import check_writable
from saddlepoint.data.archive import list_source
from saddlepoint.data.manifest import SCHEMA, read_manifest
from saddlepoint.data.prepare import prepare
from saddlepoint.data.progress import progress_bars


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
    spec = from_json(manifest["spec"], DataSpec, f"{folder}: spec")
    channels, height, width = spec.shape
    wanted = (len(manifest["files"]), height, width, channels)
    images = _array(folder / "images.npy", np.uint8, wanted)
    labels = _array(folder / "labels.npy", np.int64, wanted[:1]) if spec.n_classes else None
    return Dataset(
        name=name or folder.resolve().name,
        spec=spec,
        images=images,
        labels=None if labels is None else np.array(labels),
        classes=tuple(manifest["classes"]),
        fingerprint=manifest["fingerprint"],
        quarantined=manifest["quarantined"],
    )


def _array(path: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read ({error}); prepare the set again.") from None
    if array.dtype != dtype or array.shape != shape:
        raise InputError(
            f"{path} holds {array.dtype} {list(array.shape)}, but manifest.json says "
            f"{np.dtype(dtype)} {list(shape)}; prepare the set again."
        )
    return array


def open_raw(source: Path, name: str, *, size: int, fit: str, labels: str) -> Dataset:
    """Prepare a folder or archive of images on first use, and open the result.

    The result is cached under a hash of the options and of the files' names, sizes and times, so
    changed files are prepared again.

    Raises:
        InputError: as in `prepare`.
    """
    # With the schema: a newer version that would give other bytes prepares again.
    options = {"size": size, "fit": fit, "labels": labels, "schema": SCHEMA}
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
    try:
        check_writable(out.parent)
    except (InputError, RunFailed) as error:
        raise type(error)(
            f"{error} Prepared images are kept there; name another folder by XDG_CACHE_HOME."
        ) from error
    shutil.rmtree(out, ignore_errors=True)
    with progress_bars() as progress:
        told = partial(progress, f"Preparing {source.name}")
        prepare(source, out, size=size, fit=fit, labels=labels, progress=told)
    return open_prepared(out, name)
