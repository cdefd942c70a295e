"""saddle project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from saddlepoint.cli.flags import command, load_named_plugin, print_json
from saddlepoint.core.errors import InputError
from saddlepoint.core.streams import answer, tell


@command("Find the latent nearest to a picture: saddle project RUN PICTURE ... --out DIR.")
def project(
    model: Annotated[Path, tyro.conf.Positional],
    pictures: Annotated[
        list[Path],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="PICTURE ...", help_behavior_hint="(required)"),
    ],
    out: Path,
    labels: str | None = None,
    steps: int = 200,
    seed: int = 0,
    features: Literal["auto", "classifier", "pixels"] = "auto",
    device: str = "cpu",
    plugins: Path | None = None,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Find the latent whose image comes nearest to each picture, to go on from there.

    The folder then holds the pictures as the model could make them, the nearest images, their
    latents (latents.npz, for `saddle sample --latents`), the curves and projection.json.

    Args:
        model: The run's folder, one of its checkpoints, or an ema.safetensors.
        pictures: Files of pictures; the middle square of each is taken and resized.
        out: The folder to write, a new one.
        labels: Ranges of the labels to try, for conditional models (default: all of them).
        steps: Steps of the optimiser, from each of eight starts.
        seed: Chooses the starts.
        features: auto also compares by a classifier of the training data, where it can be had;
            pixels does not.
        device: cpu, cuda or mps.
        plugins: The Python file that the run was trained with (default: none).
        quiet: No progress.
        json: projection.json on stdout.
    """
    from saddlepoint import api
    from saddlepoint.reporting.terminal import print_table
    from saddlepoint.sampling.ranges import parse_ranges

    load_named_plugin(plugins)
    if not pictures:
        raise InputError("No picture was given: saddle project RUN PICTURE ... --out DIR.")
    done = api.project(
        model,
        pictures,
        out,
        labels=None if labels is None else parse_ranges(labels, "--labels"),
        steps=steps,
        seed=seed,
        features=features,
        device=device,
        quiet=quiet,
    )
    if json:
        print_json(done)
        return
    tell(done["features"])
    lines = [
        (p["file"], f"{p['error']:.1f}", p["class"] or "", "; ".join(p["changed"]))
        for p in done["pictures"]
    ]
    print_table(lines, ("picture", "RMS difference (of 255)", "class", "changed"), right=(1,))
    answer(f"\n{out}\nTo go on from there: {done['sample_again']}")
