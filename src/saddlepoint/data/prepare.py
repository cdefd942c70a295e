"""Any folder, zip or tar of images -> one memory-mapped uint8 array with a manifest.

Two preparations of the same files are equal byte for byte, whatever the number of workers and the
interruptions. The output folder appears complete, by one rename; until then all work is in
`<out>.partial`, where the same command resumes it.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from saddlepoint.core.errors import InputError, failure, reason, remedy
from saddlepoint.core.files import check_replaceable, is_temporary, sync_folder, write_atomically
from saddlepoint.core.json_files import read_json, write_json
from saddlepoint.core.outputs import output_folder
from saddlepoint.core.paths import given_path
from saddlepoint.core.streams import printable, tell
from saddlepoint.data.archive import list_source
from saddlepoint.data.assemble import assemble
from saddlepoint.data.chunks import Work
from saddlepoint.data.decode import Recipe
from saddlepoint.data.listing import Listing
from saddlepoint.data.manifest import MAX_SIZE, MIN_SIZE, MOST_BYTES, RULES, read_manifest
from saddlepoint.data.report import PrepareReport, report_text
from saddlepoint.data.worker_pool import WorkerPool

_PARTS = ("lock", "plan.json", "chunks", "ready", "unpacked.tar")
"""What a preparation that is not complete consists of."""


def prepare(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    size: int | None = 64,
    fit: str = "crop",
    channels: str = "auto",
    labels: str = "auto",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Decode, check and resize every image of `source` into the folder `out`.

    `out` then holds images.npy (uint8 [n, h, w, c]), labels.npy (int64 [n], if there are labels),
    manifest.json and report.txt. Images are in the order of the sorted file names.

    Args:
        source: a folder, zip or tar; it is only read.
        size: height and width in pixels, 4 to 1024; None keeps the size that all images share.
        fit: "crop" takes the centred square of an image, "pad" adds black borders.
        channels: "auto" is grey if every image is, else "rgb"; or "grey", or "rgb".
        labels: "auto" takes them from sub-folders or a file of labels, "none" ignores both.
        workers: processes; by default one for each core that this process may use.
        progress: called with (files done, files in all).

    Raises:
        InputError: an option out of range, nothing to read, labels that do not match, or an `out`
            that holds something else.
        RunFailed: no space left, or a worker died; the same command resumes.
    """
    workers = _check_options(size, fit, channels, labels, workers)
    source, out = given_path(source), output_folder(out, own="manifest.json")
    _check_places(source, out)
    options = {"size": size, "fit": fit, "channels": channels, "labels": labels}
    try:
        with _locked(out) as scratch, _spared_collections(), WorkerPool(workers) as pool:
            listing = list_source(source, lambda: scratch / "unpacked.tar")
            finished = _finished(out, listing, options)
            if finished is not None:
                return finished
            _start_or_resume(scratch, listing, options)
            work = Work(listing.kind, listing.root, Recipe(size, fit, channels), scratch / "chunks")
            ready = scratch / "ready"
            ready.mkdir()
            manifest = assemble(ready, work, listing, options, source.name, pool, progress)
            write_json(ready / "manifest.json", manifest)
            text = printable(report_text(manifest), lines=True).encode()
            write_atomically(ready / "report.txt", text)
            # From here on the folder is complete: a kill before this line leaves no `out` at all.
            os.rename(ready, out)
            sync_folder(out.parent)
    except OSError as error:
        sentence = f"{reason(error)}, while {out} was prepared; {remedy(error)}"
        raise failure(error, f"{sentence}, then run the same command to go on.") from error
    # As any later reader finds it: JSON makes lists of the tuples in it.
    return PrepareReport(folder=out, manifest=read_json(out / "manifest.json", most=MOST_BYTES))


def _check_options(
    size: int | None, fit: str, channels: str, labels: str, workers: int | None
) -> int:
    """-> the number of workers."""
    if size is not None and not MIN_SIZE <= size <= MAX_SIZE:
        raise InputError(
            f"--size {size} is out of range; choose {MIN_SIZE} to {MAX_SIZE} pixels, such as 64."
        )
    for name, value, allowed in (
        ("fit", fit, ("crop", "pad")),
        ("channels", channels, ("auto", "grey", "rgb")),
        ("labels", labels, ("auto", "none")),
    ):
        if value not in allowed:
            raise InputError(f"--{name} {value!r} is not known; choose {' or '.join(allowed)}.")
    if workers is None:
        affinity = getattr(os, "sched_getaffinity", None)  # not on every system
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if workers < 1:
        raise InputError(f"--workers {workers} must be at least 1; leave it out to use all cores.")
    return workers


def _check_places(source: Path, out: Path) -> None:
    inside = out.resolve().is_relative_to(source.resolve())
    if source.is_dir() and inside:
        raise InputError(f"{out} is inside the source {source}; choose an --out beside it.")
    if read_manifest(source) is not None:
        raise InputError(f"{source} is prepared already; use it as it is.")
    scratch = _scratch(out)
    with suppress(FileNotFoundError):
        others = [p for p in scratch.iterdir() if p.name not in _PARTS and not is_temporary(p)]
        if others:
            raise InputError(f"{scratch} holds {others[0].name}; choose another --out.")


def _scratch(out: Path) -> Path:
    """The folder of a preparation that is not complete yet."""
    return out.with_name(out.name + ".partial")


@contextmanager
def _locked(out: Path) -> Iterator[Path]:
    """The scratch folder, locked; a second process waits until the first is done.

    The kernel drops the lock if its holder is killed.
    """
    scratch = _scratch(out)
    with _lock(scratch, out):
        try:
            yield scratch
        except InputError:
            shutil.rmtree(scratch, ignore_errors=True)  # the corrected command starts afresh
            raise
        finally:
            if _occupied(out):
                shutil.rmtree(scratch, ignore_errors=True)


def _lock(scratch: Path, out: Path) -> BinaryIO:
    """The lock of the scratch folder, held until it is closed."""
    path = scratch / "lock"
    while True:
        scratch.mkdir(parents=True, exist_ok=True)
        check_replaceable(path)
        # Whoever held it may have finished meanwhile, and have removed it with the folder: then
        # the lock is another file, or none.
        with suppress(FileNotFoundError), ExitStack() as until_held:
            file = until_held.enter_context(open(path, "wb"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tell(f"Another process is preparing {out}; waiting for it.")
                fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                until_held.pop_all()
                return file


@contextmanager
def _spared_collections() -> Iterator[None]:
    """Keep the garbage collector from searching all of torch again for each thousand file names:
    a tenth of the time for small images."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _occupied(out: Path) -> bool:
    """True if something is there; the rename replaces an empty folder."""
    return out.exists() and not (out.is_dir() and not any(out.iterdir()))


def _finished(out: Path, listing: Listing, options: dict[str, Any]) -> PrepareReport | None:
    """The report of `out` if it is this same preparation; None if there is no `out` yet."""
    if not _occupied(out):
        return None
    manifest = read_manifest(out)
    if manifest is None:
        raise InputError(f"{out} exists and is not a prepared data set; choose another --out.")
    # Without stamps, as a copy has others; a file changed in place shows by its time below.
    same_files = manifest["listing"] == listing.key(stamps=False)
    if manifest["options"] != options:
        how = "with other options"
    elif not same_files or listing.newest > (out / "manifest.json").stat().st_mtime:
        how = "before its files changed"
    elif manifest.get("rules") != RULES:
        how = "by an older version"
    else:
        return PrepareReport(folder=out, manifest=manifest, reused=True)
    raise InputError(
        f"{out} holds {manifest['source']}, prepared {how}, and is not overwritten; choose another "
        "--out or delete it."
    )


def _start_or_resume(scratch: Path, listing: Listing, options: dict[str, Any]) -> None:
    """Keep the chunks of an interrupted preparation of the same files; drop any others."""
    # With stamps: chunks of a file that was replaced by one of the same size are not kept.
    plan = {"rules": RULES, "listing": listing.key(stamps=True), "options": options}
    try:
        resumes = read_json(scratch / "plan.json") == plan
    except (OSError, InputError):
        resumes = False
    if not resumes:
        shutil.rmtree(scratch / "chunks", ignore_errors=True)
    shutil.rmtree(scratch / "ready", ignore_errors=True)
    (scratch / "chunks").mkdir(exist_ok=True)
    write_json(scratch / "plan.json", plan)
