"""saddle sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from saddlepoint.cli.flags import command, load_named_plugin, print_json
from saddlepoint.core.checks import in_range
from saddlepoint.core.errors import InputError
from saddlepoint.core.streams import answer


@command("Make images: saddle sample RUN|ema.safetensors --out FILE.png|.gif|.npz|DIR.")
def sample(
    model: Annotated[Path, tyro.conf.Positional],
    out: Path,
    seeds: str | None = None,
    labels: str | None = None,
    n: int | None = None,
    truncation: float = 1.0,
    interpolate: bool = False,
    class_grid: bool = False,
    training: bool = False,
    plugins: Path | None = None,
    json: bool = False,
) -> None:
    """Sample the newest checkpoint of a run, or an ema.safetensors on its own.

    Args:
        model: The run's folder, one of its checkpoints, or an ema.safetensors.
        out: .png (a grid), .gif (an interpolation), .npz, or a new folder for one PNG a seed;
            replaces a file of that name.
        seeds: Ranges such as 7 or 7,9,20-30 (default: 0-63; 0-9 with --class-grid or
            --interpolate).
        labels: Ranges of labels, which the seeds take in turn; for conditional models (default:
            all of them).
        n: This many seeds, from 0 on; short for --seeds (default: as for --seeds).
        truncation: psi in (0, 1]; below 1, images are more typical and less varied.
        interpolate: Walk from seed to seed and from class to class; --labels 3 keeps the class.
        class_grid: A row per class, a column per seed.
        training: A film of the training, from the run's own grids (.gif).
        plugins: The Python file that the run was trained with (default: none).
        json: One JSON document on stdout.
    """
    from saddlepoint import api
    from saddlepoint.sampling.ranges import MOST, parse_ranges

    load_named_plugin(plugins)
    if n is not None:
        if seeds is not None:
            raise InputError("--n and --seeds were both given; choose one.")
        in_range(n, 1, MOST, "--n")
        seeds = f"0-{n - 1}"
    # 64 rows of a class grid, or 63 walks, are more than anybody wants to see.
    default = "0-9" if class_grid or interpolate else "0-63"
    if training:
        written = api.training_film(model, out)
    else:
        written = api.sample(
            model,
            out,
            seeds=parse_ranges(seeds or default, "--seeds"),
            labels=None if labels is None else parse_ranges(labels, "--labels"),
            truncation=truncation,
            interpolate=interpolate,
            class_grid=class_grid,
        )
    if json:
        print_json({"out": str(written)})
    else:
        answer(written)
