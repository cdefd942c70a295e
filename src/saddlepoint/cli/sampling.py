"""saddle sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from saddlepoint.cli.flags import command, load_named_plugin, print_json
from saddlepoint.core.checks import in_range
from saddlepoint.core.errors import InputError
from saddlepoint.core.streams import answer, tell

if TYPE_CHECKING:
    from saddlepoint.sampling.edits import Edit

_SEEDS = {"class-grid": "0-9", "interpolate": "0-9", "directions": "0-2", "nearest": "0-19"}
"""64 rows of a class grid, or 63 walks, are more than anybody wants to see."""
_IDLE = {
    "": ("deviations",),
    "interpolate": ("deviations",),
    "nearest": ("deviations",),
    "class-grid": ("move", "mix", "deviations"),
    "directions": ("move", "mix"),
    "training": ("seeds", "labels", "n", "latents", "truncation", "move", "mix", "deviations"),
}
"""Kind of picture -> the flags that would change nothing in it."""


@command(
    "Make images: saddle sample RUN|ema.safetensors --out FILE.png|.gif|.mp4|.npz|DIR.",
    bare={"directions": "0"},
)
def sample(
    model: Annotated[Path, tyro.conf.Positional],
    out: Path,
    seeds: str | None = None,
    labels: str | None = None,
    n: int | None = None,
    latents: Path | None = None,
    truncation: float = 1.0,
    move: str | None = None,
    mix: str | None = None,
    interpolate: bool = False,
    class_grid: bool = False,
    directions: int | None = None,
    deviations: float = 2.0,
    nearest: bool = False,
    training: bool = False,
    plugins: Path | None = None,
    json: bool = False,
) -> None:
    """Sample the newest checkpoint of a run, or an ema.safetensors on its own.

    Args:
        model: The run's folder, one of its checkpoints, or an ema.safetensors.
        out: .png (a grid), .gif or .mp4 (an interpolation), .npz, or a new folder for one PNG a
            seed; replaces a file of that name.
        seeds: Ranges such as 7 or 7,9,20-30 (default: 0-63; 0-9 with --class-grid or
            --interpolate, 0-2 with --directions, 0-19 with --nearest).
        labels: Ranges of labels, which the seeds take in turn; for conditional models (default:
            all of them).
        n: This many seeds, from 0 on; short for --seeds (default: as for --seeds).
        latents: An .npz of latents instead of seeds, such as `saddle project` writes (default:
            none).
        truncation: psi in (0, 1]; below 1, images are more typical and less varied.
        move: Moves all along principal directions, in standard deviations: 1:2,3:-1.5 (default:
            none).
        mix: Shares of classes in place of --labels: 3:0.7,8:0.3 (default: none).
        interpolate: Walk from seed to seed and from class to class; --labels 3 keeps the class.
        class_grid: A row per class, a column per seed.
        directions: What the generator's principal directions change: the first ten, or this many;
            a row each in a .png, a file each in a folder (default: none).
        deviations: How far a direction is followed to either side, in standard deviations.
        nearest: Below each sample the training images nearest to it (.png; a run).
        training: A film of the training, from the run's own grids (.gif or .mp4).
        plugins: The Python file that the run was trained with (default: none).
        json: One JSON document on stdout.
    """
    from saddlepoint import api
    from saddlepoint.sampling.ranges import parse_ranges

    load_named_plugin(plugins)
    kinds = {"interpolate": interpolate, "class-grid": class_grid, "nearest": nearest}
    kinds |= {"directions": directions is not None, "training": training}
    kind = _the_one(kinds)
    given = {"seeds": seeds, "labels": labels, "n": n, "latents": latents, "move": move, "mix": mix}
    asked = {name for name, value in given.items() if value is not None}
    asked |= {"truncation"} if truncation != 1.0 else set()
    asked |= {"deviations"} if deviations != 2.0 else set()
    _refuse_idle(kind, asked)
    edit = _edit(move, mix)
    known = {} if labels is None else {"labels": parse_ranges(labels, "--labels")}
    chosen = {**_seeds(seeds, n, latents, _SEEDS.get(kind, "0-63")), **known}
    if (mix is not None or class_grid) and labels is None:
        chosen.pop("labels", None)  # those of a file of latents
    document: dict[str, Any] = {}
    if training:
        written = api.training_film(model, out)
    elif directions is not None:
        k = directions or None
        amounts = {"truncation": truncation, "deviations": deviations}
        written = api.directions(model, out, k, **amounts, **chosen)
    elif nearest:
        found, said = api.nearest(model, out, truncation=truncation, edit=edit, **chosen)
        near = int((found.ratio < 1).sum())
        tell(
            f"{said} {near} of {len(found.ratio)} samples are nearer to a training image than that "
            "is to any other. Some are by chance: `saddle evaluate` compares with real images."
        )
        document = {"training_images": found.index.tolist(), "ratio": found.ratio.tolist()}
        written = out
    else:
        written = api.sample(
            model,
            out,
            truncation=truncation,
            interpolate=interpolate,
            class_grid=class_grid,
            edit=edit,
            **chosen,
        )
    if json:
        print_json({"out": str(written), **document})
    else:
        answer(written)


def _the_one(kinds: dict[str, bool]) -> str:
    """The kind of picture that was asked for, "" for plain samples."""
    asked = [name for name, wanted in kinds.items() if wanted]
    if len(asked) > 1:
        raise InputError(f"--{asked[0]} and --{asked[1]} ask for different pictures; drop one.")
    return asked[0] if asked else ""


def _refuse_idle(kind: str, asked: set[str]) -> None:
    """Raises InputError for a flag that would be passed over in silence."""
    for name in _IDLE[kind]:
        if name in asked:
            if not kind:
                raise InputError(f"--{name} is for --directions only; add that or drop it.")
            raise InputError(f"--{name} does not go with --{kind}; drop one.")


def _edit(move: str | None, mix: str | None) -> Edit:
    from saddlepoint.sampling.edits import Edit, parse_parts

    texts = {"move": move, "mix": mix}
    parts = {f: parse_parts(text, f"--{f}") for f, text in texts.items() if text is not None}
    return Edit(moves=parts.get("move", {}), mix=parts.get("mix", {}))


def _seeds(seeds: str | None, n: int | None, latents: Path | None, default: str) -> dict[str, Any]:
    """`seeds`, or the latents of a file, and `labels` if it has them."""
    from saddlepoint.sampling.latent_files import read_latents
    from saddlepoint.sampling.ranges import MOST, parse_ranges

    given = {"--seeds": seeds, "--n": n, "--latents": latents}
    asked = [flag for flag, value in given.items() if value is not None]
    if len(asked) > 1:
        raise InputError(f"{asked[0]} and {asked[1]} were both given; choose one.")
    if latents is not None:
        z, labels = read_latents(latents)
        return {"seeds": z} | ({} if labels is None else {"labels": labels})
    if n is not None:
        in_range(n, 1, MOST, "--n")
        seeds = f"0-{n - 1}"
    return {"seeds": parse_ranges(seeds or default, "--seeds")}
