"""`saddle export`: everything is checked first, then a file or folder is written, then sent."""

from __future__ import annotations

import os
from pathlib import Path

from saddlepoint.core.errors import InputError
from saddlepoint.core.outputs import output_file, output_file_or_folder, output_folder, writing
from saddlepoint.core.registry import get, names
from saddlepoint.core.streams import tell
from saddlepoint.exporting.contract import Format, Leaving, Tracker
from saddlepoint.sampling import hub


def export(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    format: str,
    licence: str = "unknown",
    push: str | None = None,
) -> Path:
    """Write a model, or the log of a run, in a format that other programs read.

    Args:
        model: a run, a checkpoint, a file such as ema.safetensors, or hf://owner/name; the trackers
            need a run.
        out: a file with the format's suffix, or a new folder.
        format: the registered name of a `Format`.
        licence: of the weights, as model hubs name licences: apache-2.0, cc-by-4.0, ...
        push: owner/name of a model on a hub, to send it there; nothing is sent otherwise.

    Returns:
        What was written.

    Raises:
        InputError: before anything is written: an unknown format, a missing package, no such model,
            or a place that may not be written.
        RunFailed: the export differs from PyTorch, or the disk or the hub cannot be written.
    """
    chosen: Format = get("format", format)()
    place = _place(out, chosen)
    chosen.require()
    if push is not None:
        hub.check_push(push)
    leaving = Leaving(hub.model_path(model), licence)
    with writing(f"--out {place}"):
        place.parent.mkdir(parents=True, exist_ok=True)
        chosen.write(leaving, place)
    if push is not None:
        tell(f"Sent to {hub.push(place, push)}.")
    return place


def tracker(name: str) -> Tracker:
    """The tracker of --track.

    Raises:
        InputError: unknown, no tracker, or a package is missing.
    """
    chosen = get("format", name)()
    if not isinstance(chosen, Tracker):
        raise InputError(f"--track {name} is a format for models; use a tracker: {_trackers()}.")
    chosen.require()
    return chosen


def _place(out: str | os.PathLike[str], chosen: Format) -> Path:
    files = [suffix for suffix in chosen.suffixes if suffix]
    if "" not in chosen.suffixes:
        return output_file(out, files)
    return output_file_or_folder(out, files)[0] if files else output_folder(out)


def _trackers() -> str:
    return ", ".join(name for name in names("format") if issubclass(get("format", name), Tracker))
