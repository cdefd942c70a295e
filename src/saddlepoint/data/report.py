"""What a preparation did, as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SHOWN = 5
"""Names shown for each kind; the manifest has them all."""


@dataclass(frozen=True, kw_only=True)
class PrepareReport:
    """The result of `prepare`."""

    folder: Path
    """The prepared data set."""
    manifest: dict[str, Any]
    """The document in `manifest.json`."""
    reused: bool = False
    """True if the folder already held this same preparation."""

    @property
    def n_images(self) -> int:
        return self.manifest["counts"]["kept"]

    @property
    def quarantined(self) -> dict[str, str]:
        """File -> reason."""
        return self.manifest["quarantined"]

    def text(self) -> str:
        """The report to read; it is in `report.txt` too."""
        again = f"{self.folder} already holds this preparation.\n\n" if self.reused else ""
        return again + report_text(self.manifest)

    def to_json(self) -> dict[str, Any]:
        """For `--json`: the manifest without its long lists of files."""
        short = {k: v for k, v in self.manifest.items() if k not in ("files", "notes")}
        return {"folder": str(self.folder), "reused": self.reused, **short}


def report_text(manifest: dict[str, Any]) -> str:
    """The content of manifest.json -> a page of text."""
    counts, options = manifest["counts"], manifest["options"]
    quarantined = {name: [reason] for name, reason in manifest["quarantined"].items()}
    channels, height, width = manifest["spec"]["shape"]
    colour = "colour (RGB)" if channels == 3 else "grey"
    lines = [
        f"Prepared {counts['kept']:,} images from {manifest['source']}: "
        f"{width}x{height} pixels, {colour}.",
        f"Of {counts['files']:,} files, {counts['kept']:,} were kept, "
        f"{counts['duplicates']:,} dropped as duplicates and {counts['quarantined']:,} left out.",
        f"Options: size {options['size'] or 'unchanged'}, fit {options['fit']}, "
        f"channels {options['channels']}, labels {options['labels']}.",
        "",
        *_labels(manifest),
        *_by_kind("Done to images, besides resizing", manifest["notes"]),
        *_by_kind("Left out; the files themselves were not changed", quarantined),
        *_duplicates(manifest),
        f"Fingerprint: {manifest['fingerprint']}",
        "Every file is named in manifest.json.",
    ]
    return "\n".join(lines) + "\n"


def _labels(manifest: dict[str, Any]) -> list[str]:
    classes = manifest["class_counts"]
    if not classes:
        return ["Labels: none.", ""]
    low, high = min(classes.values()), max(classes.values())
    lines = [f"Labels: {len(classes)} classes from {manifest['labels_from']}."]
    numbered = list(enumerate(classes.items()))
    lines += [f"  {number:4d}  {name}: {n:,}" for number, (name, n) in numbered[:20]]
    if len(classes) > 20:
        lines.append(f"  ... and {len(classes) - 20} more, {low:,} to {high:,} images each.")
    if manifest["empty_classes"]:
        lines.append(f"  Classes left without images: {_first(manifest['empty_classes'])}.")
    return [*lines, ""]


def _by_kind(title: str, kinds_of: dict[str, list[str]]) -> list[str]:
    """File -> kinds; a line for each kind with its files, the most frequent first."""
    names: dict[str, list[str]] = {}
    for name, kinds in kinds_of.items():
        for kind in kinds:
            names.setdefault(kind, []).append(name)
    ordered = sorted(names.items(), key=lambda item: (-len(item[1]), item[0]))
    lines = [f"  {len(files):6,}  {kind}: {_first(files)}" for kind, files in ordered]
    return [f"{title}:", *lines, ""] if lines else [f"{title}: none.", ""]


def _duplicates(manifest: dict[str, Any]) -> list[str]:
    duplicates = manifest["duplicates"]
    if not duplicates:
        return ["Duplicates: none.", ""]
    lines = [f"Duplicates dropped ({len(duplicates):,}; same pixels as a file that was kept):"]
    for name, kept in list(duplicates.items())[:_SHOWN]:
        lines.append(f"  {name} = {kept}")
    if len(duplicates) > _SHOWN:
        lines.append(f"  ... and {len(duplicates) - _SHOWN:,} more.")
    if manifest["contradictions"]:
        lines.append(
            f"  {len(manifest['contradictions']):,} of them have another label than the file that "
            f"was kept: {_first(manifest['contradictions'])}"
        )
    return [*lines, ""]


def _first(names: list[str]) -> str:
    more = f", ... and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
