"""Principal directions as pictures: a row a direction, or a file a direction."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from saddlepoint.core.checks import in_range
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import whole_folder
from saddlepoint.core.images import enlarge, grid, name_both, write_png
from saddlepoint.core.outputs import output_file_or_folder, writing
from saddlepoint.sampling.directions import Directions, principal_directions
from saddlepoint.sampling.sampler import Sampler
from saddlepoint.sampling.seeds import Seeds, names_of

log = logging.getLogger("saddlepoint")

STEPS = 7
"""Images along a direction; an odd number, so that the sample itself stands in the middle."""
DEVIATIONS = 2.0
"""How far a direction is followed to either side: 95 % of all z lie within."""
MOST_SEEDS = 100


def directions_to(
    sampler: Sampler,
    out: str | os.PathLike[str],
    k: int | None = None,
    seeds: Seeds = range(3),
    labels: Sequence[int] | None = None,
    deviations: float = DEVIATIONS,
    truncation: float = 1.0,
) -> Path:
    """Write what the principal directions change, to a file or folder that is whole or absent.

    .png: a row for each direction; the seeds stand beside each other, each moved from -deviations
    to +deviations. A folder: direction01.png and so on, each with a row for each seed, and
    directions.npz (`vectors` float32 [k, latent_dim], `explained` float64 [k]).

    Args:
        k: as in `principal_directions`.
        labels: one class, of a conditional model; None: that of the first seed.
        deviations: in (0, 10].
        truncation: as in `Sampler.images`, of what has been moved, as for `saddle sample --move`.

    Raises:
        InputError: as `principal_directions` and `Sampler.images`, more than one label, or a path
            that cannot be written.
    """
    path, suffix = output_file_or_folder(out, [".png"])
    sampler.require_images()
    in_range(len(seeds), 1, MOST_SEEDS, "--directions: the number of seeds")
    if not 0 < deviations <= 10:
        raise InputError(f"--deviations {deviations:g} must be above 0 and at most 10.")
    label = _one_label(sampler, seeds, labels)
    found = principal_directions(sampler, k, label)
    if label is not None and labels is None:
        log.warning(
            f"Every image shows {sampler.classes[label]}, the class of {names_of(seeds)[0]}; "
            "--labels names another."
        )
    if suffix:
        sheet = direction_sheet(sampler, found, seeds, label, deviations, truncation)
        with writing(f"--out {path}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, sheet)
        return path
    made = walks(sampler, found, seeds, label, deviations, truncation)
    amounts = _written(deviations)
    with writing(f"--out {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(path) as folder:
            np.savez(folder / "directions.npz", vectors=found.vectors, explained=found.explained)
            for index, rows in enumerate(made):
                sheet = enlarge(grid(rows.reshape(-1, *rows.shape[2:]), STEPS))
                named = name_both(sheet, names_of(seeds), amounts)
                write_png(folder / f"direction{index + 1:02d}.png", named)
    return path


def walks(
    sampler: Sampler,
    found: Directions,
    seeds: Seeds,
    label: int | None,
    deviations: float,
    truncation: float = 1.0,
) -> np.ndarray:
    """uint8 [k, n_seeds, STEPS, h, w, c]: z of each seed moved along each direction."""
    z = sampler.z_of(seeds)
    moves = _amounts(deviations)[:, None] * torch.from_numpy(found.vectors)[:, None, None]
    places = (z[:, None] + moves).flatten(0, 2)
    made = sampler.images(places, None if label is None else [label], truncation)
    return made.reshape(len(found.vectors), len(z), STEPS, *made.shape[1:])


def _amounts(deviations: float) -> torch.Tensor:
    # By whole numbers, so that the middle is exactly 0.
    return torch.arange(-(STEPS // 2), STEPS // 2 + 1) * (deviations / (STEPS // 2))


def _written(deviations: float) -> list[str]:
    return [f"{amount:+.2g}" if amount else "0" for amount in _amounts(deviations).tolist()]


def _one_label(sampler: Sampler, seeds: Seeds, labels: Sequence[int] | None) -> int | None:
    if labels is not None and len(labels) != 1:
        raise InputError(
            f"--labels names {len(labels)} labels, but the directions are those of one class; give "
            "one."
        )
    chosen = sampler.labels_for(seeds, labels)
    return None if chosen is None else chosen[0]


def direction_sheet(
    sampler: Sampler,
    found: Directions,
    seeds: Seeds,
    label: int | None,
    deviations: float,
    truncation: float = 1.0,
) -> np.ndarray:
    """A row for each direction, uint8 [H, W, c]: the seeds beside each other, a white cell between
    them."""
    made = walks(sampler, found, seeds, label, deviations, truncation)
    names = names_of(seeds)
    gap = np.full_like(made[:, :, :1], 255)
    cells = np.concatenate([made, gap], axis=2)
    rows = cells.reshape(len(made), -1, *made.shape[3:])[:, :-1]
    sheet = enlarge(grid(rows.reshape(-1, *rows.shape[2:]), rows.shape[1]))
    shares = [f"{i + 1}: {100 * share:.1f} %" for i, share in enumerate(found.explained)]
    middle = [""] * (STEPS // 2)
    whose = [name for name in names for name in (*middle, name, *middle, "")][:-1]
    return name_both(sheet, shares, ([*_written(deviations), ""] * len(names))[:-1], whose)
