"""Samples as files; the suffix decides the format: .png, .gif, .mp4, .npz, or a folder."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import whole_file, whole_folder
from saddlepoint.core.images import (
    PADDING,
    enlarge,
    grid,
    name_rows,
    png_bytes,
    read_picture,
    scatter,
    write_gif,
    write_png,
)
from saddlepoint.core.outputs import output_file, output_file_or_folder, writing
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import spread
from saddlepoint.sampling.sampler import Sampler
from saddlepoint.sampling.seeds import Labels, Seeds
from saddlepoint.sampling.video import require_video, write_mp4

SUFFIXES = (".png", ".gif", ".mp4", ".npz")
FILMS = {".gif": (16, 80), ".mp4": (32, 40)}
"""Most frames from a seed to the next, and milliseconds a frame: a second and a quarter a seed."""
MOST_FRAMES = 600
"""Frames of an interpolation, about: all of them are kept in memory."""
FILM_SHORTEST = 256
_STRIP = 10
"""Images from a seed to the next in a .png, both included."""
MOST_IN = {".png": 10_000, ".gif": 10_000, ".mp4": 10_000, "": 1_000_000}
"""Images; nobody looks at more, and file systems are slow with more files in a folder."""
_HOLD = 10
"""The last frame of a training film is shown for this many frames."""


def sample_to(
    sampler: Sampler,
    out: str | os.PathLike[str],
    seeds: Seeds,
    labels: Labels | None = None,
    truncation: float = 1.0,
    interpolate: bool = False,
    class_grid: bool = False,
) -> Path:
    """Write samples to a file or folder, which is complete or absent.

    .png: a grid, or with `interpolate` a row from each seed to the next; .gif, .mp4: an endless
    interpolation through the seeds; .npz: `images` uint8 [n, h, w, c] (points: float32 [n, 2]),
    `seeds` int64 [n] or `z` float32 [n, latent_dim], and `labels` int64 [n] from a conditional
    model; no suffix: a folder with seed000007.png and so on, or latent000000.png.

    Args:
        seeds: or latents, as for `Sampler.images`.
        labels: assigned to the seeds in turn, or shares as for `Sampler.images`; with `class_grid`
            the rows to show.
        class_grid: a row for each class, a column for each seed (.png only).

    Raises:
        InputError: unknown suffix, options that do not go together, a path that cannot be
            written, or anything that `Sampler.images` refuses.
    """
    out, suffix = check_out(out, interpolate, class_grid)
    rows = len(range(sampler.spec.n_classes) if labels is None else labels) if class_grid else 1
    places = _STRIP if interpolate else rows
    if sampler.spec.is_image and suffix != ".npz" and len(seeds) * places > MOST_IN[suffix]:
        raise InputError(
            f"--out {out} would hold {len(seeds) * places:,} images, but at most "
            f"{MOST_IN[suffix]:,} are written there; give fewer seeds, or a name that ends in .npz."
        )
    with writing(f"--out {out}"):
        out.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".png":
            write_png(out, _picture(sampler, seeds, labels, truncation, interpolate, class_grid))
        elif suffix in FILMS:
            most, milliseconds = FILMS[suffix]
            steps = max(2, min(most, MOST_FRAMES // max(1, len(seeds))))
            frames = sampler.interpolate(seeds, labels, truncation, steps, loop=True)
            _write_film(out, [enlarge(frame, FILM_SHORTEST) for frame in frames], milliseconds)
        elif suffix == ".npz":
            parts = sampler.portions(seeds, labels, truncation)
            # An image between classes has no label.
            mixed = isinstance(labels, Tensor)
            _write_npz(out, parts, seeds, None if mixed else sampler.labels_for(seeds, labels))
        else:
            # Points have no picture each.
            sampler.require_images()
            _write_folder(out, sampler.portions(seeds, labels, truncation), seeds)
    return out


def check_out(
    path: str | os.PathLike[str], interpolate: bool = False, class_grid: bool = False
) -> tuple[Path, str]:
    """The path and the suffix that decides the format, "" for a folder; raises as `sample_to`."""
    out, suffix = output_file_or_folder(path, SUFFIXES)
    if class_grid and suffix != ".png":
        raise InputError(f"--out {out}: a class grid is one picture; use a name that ends in .png.")
    if interpolate and (suffix not in (".png", *FILMS) or class_grid):
        raise InputError(
            f"--out {out}: an interpolation is a .gif, .mp4 or .png, and not a class grid; drop "
            "one."
        )
    if suffix == ".mp4":
        require_video(out)
    return out, suffix


def training_to(
    run: Run, out: str | os.PathLike[str], milliseconds: int = 120, most: int = 120
) -> Path:
    """A film of training, .gif or .mp4: the run's sample grids, which show the same latents.

    Args:
        most: grids; where there are more, `spread` chooses.

    Raises:
        InputError: the run has no grid yet, or `out` is not a film or cannot be written.
    """
    out = output_file(out, [*FILMS])
    if out.suffix.lower() == ".mp4":
        require_video(out)
    paths = run.samples
    if not paths:
        raise InputError(f"{run.path} has no sample grids yet; wait until training has drawn one.")
    pictures = []
    for path in spread(paths, most):
        with contextlib.suppress(OSError, InputError):
            pictures.append(read_picture(path))
    if not pictures:
        raise InputError(f"{run.samples_folder}: none of its grids can be read.")
    # One mode for the whole film: a palette made for one frame would tint the next.
    mode = "L" if all(picture.mode in ("1", "L") for picture in pictures) else "RGB"
    frames = [
        np.asarray(picture.convert(mode)).reshape(picture.height, picture.width, -1)
        for picture in pictures
        # All frames of a GIF have one size.
        if picture.size == pictures[-1].size
    ]
    with writing(f"--out {out}"):
        out.parent.mkdir(parents=True, exist_ok=True)
        # Pillow merges equal frames into one long frame.
        _write_film(out, frames + frames[-1:] * _HOLD, milliseconds)
    return out


def _write_film(out: Path, frames: Sequence[np.ndarray], milliseconds: int) -> None:
    write = write_mp4 if out.suffix.lower() == ".mp4" else write_gif
    write(out, frames, milliseconds)


def _picture(
    sampler: Sampler,
    seeds: Seeds,
    labels: Labels | None,
    truncation: float,
    interpolate: bool,
    class_grid: bool,
) -> np.ndarray:
    """uint8 [H, W, c]."""
    if not sampler.spec.is_image and not interpolate and not class_grid:
        points = np.concatenate(list(sampler.portions(seeds, labels, truncation)))
        return scatter(points, extent=1.1 * max(1e-6, float(np.abs(points).max())))
    if class_grid:
        if isinstance(labels, Tensor):
            raise InputError("A class grid shows whole classes, not shares of them; drop one.")
        made = sampler.class_grid(seeds, labels, truncation)
        rows = range(len(sampler.classes)) if labels is None else labels
        sheet = enlarge(grid(made.reshape(-1, *made.shape[2:]), columns=made.shape[1]))
        return name_rows(sheet, [sampler.classes[label] for label in rows])
    if interpolate:
        # A row holds both its seeds, so the last frame of a row is the first of the next.
        steps = _STRIP - 1
        made = sampler.interpolate(seeds, labels, truncation, steps)
        rows = [made[i * steps : (i + 1) * steps + 1] for i in range(len(seeds) - 1)]
        return enlarge(grid(np.concatenate(rows), columns=steps + 1))
    # Around a single one a frame would separate nothing.
    padding = PADDING if len(seeds) > 1 else 0
    return enlarge(grid(sampler.images(seeds, labels, truncation), padding=padding))


def _write_npz(
    out: Path, parts: Iterator[np.ndarray], seeds: Seeds, labels: list[int] | None
) -> None:
    """Stream the images into the archive, so that memory holds one batch at a time."""
    first = next(parts)
    header = {
        "descr": first.dtype.str,
        "fortran_order": False,
        "shape": (len(seeds), *first.shape[1:]),
    }
    columns = {} if labels is None else {"labels": np.asarray(labels, np.int64)}
    if isinstance(seeds, Tensor):
        columns["z"] = seeds.numpy()
    else:
        columns["seeds"] = np.asarray(seeds, np.int64)
    with whole_file(out) as file, zipfile.ZipFile(file, "w") as archive:
        # np.savez would hold all images at once. An .npz is a zip of .npy files: written in parts.
        with archive.open("images.npy", "w", force_zip64=True) as entry:
            np.lib.format.write_array_header_1_0(entry, header)
            for part in chain([first], parts):
                entry.write(part.tobytes())
        for name, column in columns.items():
            with archive.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, column)


def _write_folder(out: Path, parts: Iterator[np.ndarray], seeds: Seeds) -> None:
    kind, numbers = ("latent", range(len(seeds))) if isinstance(seeds, Tensor) else ("seed", seeds)
    if len(set(numbers)) != len(seeds):
        raise InputError(f"--out {out}: a seed is given twice, but a folder has one file per seed.")
    with whole_folder(out) as folder:
        # Batch by batch, so that memory holds only one of them.
        for number, image in zip(numbers, chain.from_iterable(parts), strict=True):
            (folder / f"{kind}{number:06d}.png").write_bytes(png_bytes(image))
