"""saddle sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import tyro

from saddlepoint.cli.flags import load_named_plugin, parse
from saddlepoint.core.errors import InputError


def sample(argv: list[str]) -> None:
    """Make images: saddle sample RUN|ema.safetensors --out FILE.png|.gif|.npz|DIR."""

    def flags(
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
    ) -> dict[str, Any]:
        """Sample the newest checkpoint of a run, or an ema.safetensors on its own.

        Args:
            model: The run's folder, one of its checkpoints, or an ema.safetensors.
            out: .png (a grid), .gif (an interpolation), .npz, or a folder for one PNG a seed.
            seeds: Ranges such as 0-63 or 7,9,20-30; by default 0-63.
            labels: Ranges of labels; the seeds take them in turn (conditional models).
            n: Short for --seeds 0-(n-1).
            truncation: psi in (0, 1]; below 1, images are more typical and less varied.
            interpolate: Walk from seed to seed.
            class_grid: A row per class, a column per seed.
            training: A film of the training, from the run's own grids (.gif).
            plugins: The Python file that the run was trained with, if any.
            json: One JSON document on stdout.
        """
        return locals()

    asked = parse(flags, "saddle sample", argv)
    from saddlepoint import api

    load_named_plugin(asked["plugins"])
    if asked["training"]:
        written = api.training_film(asked["model"], asked["out"])
    else:
        written = api.sample(
            asked["model"],
            asked["out"],
            seeds=_seeds(asked),
            labels=_ranges(asked["labels"], "--labels"),
            truncation=asked["truncation"],
            interpolate=asked["interpolate"],
            class_grid=asked["class_grid"],
        )
    print(json.dumps({"out": str(written)}) if asked["json"] else written)


def _seeds(asked: dict[str, Any]) -> list[int]:
    if asked["n"] is not None and asked["seeds"] is not None:
        raise InputError("--n and --seeds were both given; choose one.")
    if asked["n"] is not None:
        if asked["n"] < 1:
            raise InputError(f"--n {asked['n']} must be at least 1.")
        return list(range(asked["n"]))
    # 64 rows of a class grid, or 63 walks, are more than anybody wants to see.
    default = "0-9" if asked["class_grid"] or asked["interpolate"] else "0-63"
    seeds = _ranges(asked["seeds"] or default, "--seeds")
    assert seeds is not None
    return seeds


def _ranges(text: str | None, flag: str) -> list[int] | None:
    from saddlepoint.sampling.ranges import parse_ranges

    return None if text is None else parse_ranges(text, flag)
