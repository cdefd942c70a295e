"""What can be made of a trained model: samples, films, latents, files for other programs."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saddlepoint.core import runs
from saddlepoint.core.outputs import output_file_or_folder, output_folder
from saddlepoint.evaluation.nearest import Nearest, nearest_to
from saddlepoint.evaluation.projecting import project_pictures
from saddlepoint.reporting.projection import write_projections
from saddlepoint.sampling.direction_sheets import DEVIATIONS, directions_to
from saddlepoint.sampling.edits import Edit, edited
from saddlepoint.sampling.hub import model_path
from saddlepoint.sampling.outputs import check_out, sample_to, training_to
from saddlepoint.sampling.sampler import load_sampler
from saddlepoint.sampling.seeds import Seeds


def sample(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    seeds: Seeds = range(64),
    labels: Sequence[int] | None = None,
    truncation: float = 1.0,
    interpolate: bool = False,
    class_grid: bool = False,
    edit: Edit | None = None,
) -> Path:
    """Write samples of a run, of one ema.safetensors, or of a model on a hub (hf://owner/name), to
    a PNG, GIF, MP4, .npz or folder.

    Args:
        seeds: or latents, float32 [n, latent_dim].
        labels: of a conditional model, taken in turn by the seeds.
        truncation: psi in (0, 1]; 1 is off.
        interpolate, class_grid: as in `sampling.outputs.sample_to`.
        edit: moves along directions and a mix of classes, which hold for all samples.

    Returns:
        What was written.

    Raises:
        InputError: no such model, or whatever `sampling.outputs.sample_to` refuses.
    """
    check_out(out, interpolate, class_grid)
    sampler = load_sampler(model_path(model))
    chosen = edited(sampler, seeds, labels, edit or Edit())
    return sample_to(sampler, out, *chosen, truncation, interpolate, class_grid)


def training_film(run: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Write a GIF or MP4 of a run's training from its sample grids, which show the same latents.

    Raises:
        InputError: no run, no grid yet, or an `out` that is not a film or cannot be written.
    """
    return training_to(runs.Run.open(run), out)


def directions(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    k: int | None = None,
    *,
    seeds: Seeds = range(3),
    labels: Sequence[int] | None = None,
    truncation: float = 1.0,
    deviations: float = DEVIATIONS,
) -> Path:
    """Write what a generator's principal directions change, to a PNG or a folder.

    Args:
        k: how many; None: ten, or as many as z has entries.
        labels: one class, of a conditional model; None: that of the first seed.
        truncation: psi in (0, 1]; 1 is off.
        deviations: how far each is followed to either side, in (0, 10].

    Raises:
        InputError: no such model, or whatever `sampling.direction_sheets.directions_to` refuses.
    """
    output_file_or_folder(out, [".png"])
    sampler = load_sampler(model_path(model))
    return directions_to(sampler, out, k, seeds, labels, deviations, truncation)


@functools.wraps(nearest_to)
def nearest(
    model: str | os.PathLike[str], out: str | os.PathLike[str], **settings: Any
) -> tuple[Nearest, str]:
    return nearest_to(model_path(model), out, **settings)


def project(
    model: str | os.PathLike[str],
    pictures: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    labels: Sequence[int] | None = None,
    steps: int = 200,
    seed: int = 0,
    **settings: Any,
) -> dict[str, Any]:
    """Find the latent that comes nearest to each picture, and write a folder about it.

    Args:
        labels: the classes to try, of a conditional model; None: all.
        settings: `features`, `device` and `quiet` of `evaluation.projecting.project_pictures`.

    Returns:
        What projection.json says.

    Raises:
        InputError: no such model, a picture that cannot be read, labels that do not fit the model,
            or an `out` that is not empty or cannot be written.
    """
    place = output_folder(out)
    chosen = {"labels": None if labels is None else list(labels), "steps": steps, "seed": seed}
    done = project_pictures(model_path(model), pictures, **chosen, **settings)
    return write_projections(done, place, os.fspath(model), chosen)
