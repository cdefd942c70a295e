"""Any folder, zip or tar of images -> one memory-mapped uint8 array with a manifest.

Two preparations of the same files are equal byte for byte, whatever the number of workers and
however often they were killed. The output folder appears whole, by one rename; until then all
work lies in `<out>.partial`, from where the same command goes on.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.files import sync_folder, write_atomically, write_json
from saddlepoint.data.archive import Reader, list_source
from saddlepoint.data.assemble import common_shape, describe, write_images
from saddlepoint.data.chunks import Work
from saddlepoint.data.decode import Recipe, by_name
from saddlepoint.data.labels import Labelling, find_labels, is_label_file
from saddlepoint.data.listing import Entry, Listing
from saddlepoint.data.manifest import MAX_SIZE, MIN_SIZE, SCHEMA, read_manifest
from saddlepoint.data.report import PrepareReport, report_text
from saddlepoint.data.worker_pool import WorkerPool, decode_all


def prepare(
    source: Path,
    out: Path,
    *,
    size: int | None = 64,
    fit: str = "crop",
    channels: str = "auto",
    labels: str = "auto",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Decode, check and resize every image of `source` into the folder `out`.

    `out` then holds images.npy (uint8 [n, h, w, c]), labels.npy (int64 [n], when there are
    labels), manifest.json and report.txt. The order is that of the sorted file names.

    Args:
        source: a folder, zip or tar; it is only read.
        size: height and width in pixels, 4 to 1024; None keeps the size that all images share.
        fit: "crop" takes the centred square of an image that is not square, "pad" adds black.
        channels: "auto" is grey when every image is, else "rgb"; or "grey", or "rgb".
        labels: "auto" takes them from sub-folders or a file of labels, "none" ignores both.
        workers: processes; by default one for each core that this process may use.
        progress: called with (files done, files in all).

    Raises:
        InputError: an option out of range, nothing to read, labels that do not match, or an `out`
            that holds something else.
        RunFailed: no space left, or a worker died; the same command goes on.
    """
    workers = _check_options(size, fit, channels, labels, workers)
    source, out = source.expanduser(), out.expanduser()
    _check_places(source, out)
    options = {"size": size, "fit": fit, "channels": channels, "labels": labels}
    try:
        with _locked(out) as scratch, _short_collections(), WorkerPool(workers) as pool:
            listing = list_source(source, lambda: scratch / "unpacked.tar")
            finished = _finished(source, out, listing, options)
            if finished is not None:
                return finished
            _start_or_resume(scratch, listing, options)
            work = Work(listing.kind, listing.root, Recipe(size, fit, channels), scratch / "chunks")
            manifest = _run(work, listing, options, source.name, pool, progress)
            os.rename(scratch / "ready", out)
            sync_folder(out.parent)
            shutil.rmtree(scratch)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunFailed(
                f"No space left for {out}; free some and run the same command to go on."
            ) from None
        raise InputError(
            f"{error.filename or out} cannot be used ({error.strerror}); choose another --out."
        ) from None
    return PrepareReport(folder=out, manifest=manifest)


def _check_options(
    size: int | None, fit: str, channels: str, labels: str, workers: int | None
) -> int:
    if size is not None and not MIN_SIZE <= size <= MAX_SIZE:
        raise InputError(
            f"size {size} is out of range; choose {MIN_SIZE} to {MAX_SIZE} pixels, such as 64."
        )
    choices = {
        "fit": (fit, ("crop", "pad")),
        "channels": (channels, ("auto", "grey", "rgb")),
        "labels": (labels, ("auto", "none")),
    }
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            raise InputError(f"{name} {value!r} does not exist; choose {' or '.join(allowed)}.")
    if workers is not None and workers < 1:
        raise InputError(f"workers {workers} must be at least 1; leave it out to use all cores.")
    if workers is not None:
        return workers
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _check_places(source: Path, out: Path) -> None:
    inside = out.resolve().is_relative_to(source.resolve())
    if source.is_dir() and inside:
        raise InputError(f"{out} lies inside the source {source}; choose an --out beside it.")
    if read_manifest(source) is not None:
        raise InputError(f"{source} is prepared already; use it as it is.")


@contextmanager
def _locked(out: Path) -> Iterator[Path]:
    """The scratch folder, held by this process alone; a second one waits for it.

    The kernel drops the lock when its holder is killed.
    """
    scratch = out.with_name(out.name + ".partial")
    scratch.mkdir(parents=True, exist_ok=True)
    with open(scratch / "lock", "wb") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        except ImportError:  # Windows: two at once are the user's own doing
            pass
        scratch.mkdir(exist_ok=True)  # whoever held the lock has finished and tidied up
        try:
            yield scratch
        except InputError:
            shutil.rmtree(scratch, ignore_errors=True)  # the next attempt is another one
            raise
        finally:
            if _occupied(out):
                shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _short_collections() -> Iterator[None]:
    """Spare the garbage collector the heap of torch, which it would search at each new thousand
    of file names; a tenth of the time of a preparation of small images."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _occupied(out: Path) -> bool:
    """Something is there; an empty folder does not count, the rename replaces it."""
    return out.exists() and not (out.is_dir() and not any(out.iterdir()))


def _finished(
    source: Path, out: Path, listing: Listing, options: dict[str, Any]
) -> PrepareReport | None:
    """The report of `out` when it is this very preparation; None when there is no `out` yet."""
    if not _occupied(out):
        return None
    manifest = read_manifest(out)
    if manifest is None:
        raise InputError(f"{out} exists and is no prepared data set; choose another --out.")
    same = manifest["options"] == options and manifest["listing"] == listing.key(stamps=False)
    if same and listing.newest <= (out / "manifest.json").stat().st_mtime:
        return PrepareReport(folder=out, manifest=manifest, reused=True)
    what = "an older state of" if manifest["options"] == options else "other options for"
    raise InputError(
        f"{out} holds a preparation of {what} {manifest['source']}, which is not overwritten; "
        f"choose another --out or delete it."
    )


def _start_or_resume(scratch: Path, listing: Listing, options: dict[str, Any]) -> None:
    """Keep the chunks of an interrupted preparation of the same files, drop any others."""
    plan = {"schema": SCHEMA, "listing": listing.key(stamps=True), "options": options}
    try:
        resumes = json.loads((scratch / "plan.json").read_bytes()) == plan
    except (OSError, ValueError):
        resumes = False
    if not resumes:
        shutil.rmtree(scratch / "chunks", ignore_errors=True)
    shutil.rmtree(scratch / "ready", ignore_errors=True)
    (scratch / "chunks").mkdir(exist_ok=True)
    write_json(scratch / "plan.json", plan)


def _run(
    work: Work,
    listing: Listing,
    options: dict[str, Any],
    source_name: str,
    pool: WorkerPool,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    """Decode all, drop duplicates, write `ready/`; -> the manifest."""
    candidates, label_files, quarantined = _sort_out(listing, options["labels"])
    if not candidates:
        raise InputError(_no_images(source_name, quarantined))
    names = [entry.name for entry in candidates]
    labelling = Labelling("none", None)
    if options["labels"] == "auto":
        reader = Reader(listing.kind, listing.root)
        labelling = find_labels(label_files, names, quarantined, reader)
        reader.close()
    chunks = decode_all(work, candidates, pool, progress)
    quarantined |= {r.name: r.refused for records in chunks for r in records if r.refused}
    good = [record for records in chunks for record in records if not record.refused]
    if not good:
        raise InputError(_no_images(source_name, quarantined))
    first: dict[str, str] = {}
    duplicates: dict[str, str] = {}
    for record in good:
        kept_name = first.setdefault(record.digest, record.name)
        if kept_name != record.name:
            duplicates[record.name] = kept_name
    kept = [record for record in good if record.name not in duplicates]
    shape = common_shape(kept, options)
    ready = work.scratch.with_name("ready")
    ready.mkdir()
    write_images(ready / "images.npy", work.scratch, chunks, duplicates, (len(kept), *shape))
    manifest = describe(ready, kept, shape, labelling, duplicates)
    manifest |= {
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
    write_json(ready / "manifest.json", manifest)
    text = report_text(manifest).encode("utf-8", "backslashreplace")
    write_atomically(ready / "report.txt", text)
    return manifest


def _sort_out(listing: Listing, labels: str) -> tuple[list[Entry], list[Entry], dict[str, str]]:
    """-> candidate images, files of labels, and what is refused for its name alone."""
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
