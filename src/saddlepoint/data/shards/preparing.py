"""`saddle data prepare SOURCE --shards N`: from any data to a folder of shards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from saddlepoint.core.checks import in_range
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import whole_folder
from saddlepoint.core.outputs import output_folder, writing
from saddlepoint.core.paths import given_path
from saddlepoint.data.prepare import prepare
from saddlepoint.data.report import PrepareReport
from saddlepoint.data.resolve import resolve
from saddlepoint.data.shards.writing import write_shards

MOST_SHARDS = 10**6


@dataclass(frozen=True, kw_only=True)
class ShardReport:
    """The result of `prepare_shards`."""

    folder: Path
    manifest: dict[str, Any]
    """The document in manifest.json."""
    prepared: PrepareReport | None
    """What preparing the pictures did; None for data that were ready."""

    def text(self) -> str:
        """The report to read."""
        before = "" if self.prepared is None else self.prepared.text() + "\n"
        shards = self.manifest["shards"]
        sizes = [shard["bytes"] for shard in shards]
        return (
            f"{before}Wrote {sum(s['n'] for s in shards):,} pictures as {len(shards):,} shards of "
            f"{min(sizes):,} to {max(sizes):,} bytes: train with --data {self.folder}\n"
            f"Fingerprint of the shards: {self.manifest['fingerprint']}\n"
        )

    def to_json(self) -> dict[str, Any]:
        before = None if self.prepared is None else self.prepared.to_json()
        return {"folder": str(self.folder), **self.manifest, "prepared": before}


def prepare_shards(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    shards: int,
    *,
    progress: Callable[[str, int, int], None],
    **options: Any,
) -> ShardReport:
    """Write data as shards into the folder `out`.

    A folder, zip or tar of pictures is prepared first, into a folder beside `out` that is removed
    in the end; killed before that, the same command goes on from there.

    Args:
        source: whatever `--data` takes.
        options: of `prepare`; data that are ready stay as they are.

    Raises:
        InputError, RunFailed: as `prepare`; or fewer pictures than shards.
    """
    in_range(shards, 1, MOST_SHARDS, "--shards")
    out = output_folder(out)
    found, report = resolve(str(source)), None
    beside = out.with_name(f".{out.name}.prepared")
    if getattr(found, "kind", "") == "folder":
        if out.resolve().is_relative_to(given_path(source).resolve()):
            raise InputError(f"{out} is inside the source {source}; choose an --out beside it.")
        report = prepare(
            source, beside, progress=lambda *done: progress("Preparing", *done), **options
        )
        found = resolve(str(beside))
    dataset = replace(found.open(), name=Path(source).name)
    with writing(f"--out {out}"):
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(out) as folder:
            if report is not None:
                shutil.copy(beside / "report.txt", folder)
            told = {"source": Path(source).name, "options": options if report else {}}
            manifest = write_shards(
                dataset, folder, shards, told, lambda *done: progress("Writing shards", *done)
            )
    shutil.rmtree(beside, ignore_errors=True)
    return ShardReport(folder=out, manifest=manifest, prepared=report)
