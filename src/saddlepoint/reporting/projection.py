"""The folder of `saddle project`: pictures, what came nearest, latents to go on from, curves."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saddlepoint.core.files import whole_folder
from saddlepoint.core.images import enlarge, grid, name_both, write_png
from saddlepoint.core.json_files import write_json
from saddlepoint.core.outputs import writing
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.projecting import Projected, Projecting
from saddlepoint.reporting.picture_png import write_sheet
from saddlepoint.reporting.pictures import Chart, Curve
from saddlepoint.sampling.latent_files import write_latents

LATENTS, PAGE = "latents.npz", "projection.json"
COLUMNS = ("given", "nearest", "difference")
MOST_CURVES = 8
"""In a chart, which has no more colours."""


def write_projections(
    done: Projecting, out: Path, model: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Write a folder, whole or not at all: for each picture 01-given.png and 01-nearest.png, all of
    them in projection.png, curves.png (if matplotlib is installed), latents.npz and
    projection.json.

    Args:
        out: as from `output_folder`.
        settings: what the user chose, for projection.json.

    Returns:
        The content of projection.json.

    Raises:
        InputError, RunFailed: it cannot be written.
    """
    again = ["saddle", "sample", model, "--latents", str(out / LATENTS), "--out", "again.png"]
    document = {
        "model": model,
        "features": done.features,
        **settings,
        "sample_again": shlex.join(again),
        "pictures": [_about(done, index) for index in range(len(done.pictures))],
    }
    with writing(f"--out {out}"):
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(out) as folder:
            for index, one in enumerate(done.pictures):
                write_png(folder / _name(index, "given"), one.picture)
                write_png(folder / _name(index, "nearest"), one.found.image)
            write_png(folder / "projection.png", _sheet(done))
            if find_spec("matplotlib"):
                write_sheet([_chart(done)], folder, "en", folder / "curves.png")
            labels = [one.found.label for one in done.pictures]
            known = [label for label in labels if label is not None]
            z = torch.stack([one.found.z for one in done.pictures])
            write_latents(folder / LATENTS, z, known or None)
            write_json(folder / PAGE, document)
    return document


def _name(index: int, what: str) -> str:
    return f"{index + 1:02d}-{what}.png"


def _about(done: Projecting, index: int) -> dict[str, Any]:
    one = done.pictures[index]
    found, label = one.found, one.found.label
    return {
        "file": str(one.file),
        "changed": one.notes,
        "given": _name(index, "given"),
        "nearest": _name(index, "nearest"),
        "label": label,
        "class": None if label is None else done.sampler.classes[label],
        "error": round(found.error, 3),
        "z_length": round(float(found.z.norm()), 4),
        "errors_of_starts": [round(float(error), 3) for error in found.curves[:, -1]],
        "loss": [round(float(loss), 6) for loss in found.losses[found.start]],
        "curve": [round(float(error), 3) for error in found.curves[found.start]],
    }


def _sheet(done: Projecting) -> np.ndarray:
    """A row a picture: given, nearest, and how much they differ (white is most)."""
    rows = []
    for one in done.pictures:
        apart = np.abs(one.picture.astype(np.int16) - one.found.image).astype(np.uint8)
        rows += [one.picture, one.found.image, apart]
    sheet = enlarge(grid(np.stack(rows), 3))
    names = [_told(done, number, one) for number, one in enumerate(done.pictures, 1)]
    return name_both(sheet, names, COLUMNS)


def _told(done: Projecting, number: int, one: Projected) -> str:
    label = one.found.label
    kind = "" if label is None else f", {done.sampler.classes[label]}"
    return f"{number:02d} {one.file.stem[:20]}: RMS {one.found.error:.1f}{kind}"


def _chart(done: Projecting) -> Chart:
    """How far the image was from each picture, step by step; of one picture, all its starts."""
    if len(done.pictures) > 1:
        rows = {
            # By number: a file's name may hold what a chart takes for a formula.
            f"{number:02d}": one.found.curves[one.found.start]
            for number, one in enumerate(done.pictures[:MOST_CURVES], 1)
        }
        title = Text(en="How far from the picture", vi="Còn cách ảnh bao xa")
        y_label = Text(en="RMS difference, grey levels", vi="Sai khác RMS, mức xám")
    else:
        found = done.pictures[0].found
        # The one that was kept stands first, and alone is solid.
        order = np.argsort(found.losses[:, -1], kind="stable").tolist()
        rows = {f"start {n + 1}{' (kept)' * (n == found.start)}": found.losses[n] for n in order}
        title = Text(en="What is minimised, from each start", vi="Đại lượng được cực tiểu hóa")
        y_label = Text(en="Pixels, features and prior", vi="Điểm ảnh, đặc trưng và tiên nghiệm")
    dashed = len(done.pictures) == 1
    return Chart(
        title=title,
        x_label=Text(en="Steps", vi="Số bước"),
        y_label=y_label,
        curves=[
            Curve(name=name, x=list(range(len(row))), y=row.tolist(), dash=dashed and index > 0)
            for index, (name, row) in enumerate(rows.items())
        ],
        reads=Text(en="Lower is nearer.", vi="Càng thấp càng gần."),
    )
