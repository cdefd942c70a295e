"""What a page of samples is made of: images, walks between two of them, and files to keep."""

from __future__ import annotations

import base64
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.errors import InputError
from saddlepoint.core.images import png_bytes
from saddlepoint.core.outputs import writing
from saddlepoint.core.reading import read_bytes
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.sampling.latent_files import write_latents
from saddlepoint.sampling.outputs import FILMS, sample_to
from saddlepoint.studio.play.models import Model
from saddlepoint.studio.play.wish import Wish, named

DIRECTIONS = 10
"""That have a slider; what comes after them changes little."""
STEPS = FILMS[".gif"][0]
KINDS = {
    "png": "image/png",
    "gif": "image/gif",
    "mp4": "video/mp4",
    "npz": "application/octet-stream",
}


def about(model: Model) -> dict[str, Any]:
    """What the controls of a page depend on."""
    sampler = model.sampler
    return {
        "checkpoint": model.checkpoint.name,
        "checkpoints": [
            {"name": path.name, "images": images_of(path)} for path in model.run.checkpoints
        ],
        "images": sampler.n_images,
        "data": sampler.data,
        "classes": list(sampler.classes) if sampler.conditional else [],
        "mixes": sampler.conditional and sampler.generator.mixes_labels,
        "shape": list(sampler.spec.shape),
        "latent_dim": sampler.generator.latent_dim,
        "directions": min(DIRECTIONS, sampler.generator.latent_dim),
        "video": find_spec("av") is not None,
        "model": named(model),
    }


def images(model: Model, wish: Wish, at: int) -> dict[str, Any]:
    """All images below each other in one picture; `at` is the one whose directions are named."""
    made = model.sampler.images(*wish.made(model), wish.truncation)
    labels = wish.labels(model)
    seeds = [None] * (wish.latent is not None) + list(wish.seeds)
    return {
        "sheet": sheet(made),
        # As text: numbers of JavaScript are exact up to 2^53 only.
        "seeds": [None if seed is None else str(seed) for seed in seeds],
        "labels": labels,
        "shares": _shares(model, None if labels is None else labels[min(at, len(labels) - 1)]),
        "command": wish.command(model, "grid.png"),
    }


def _shares(model: Model, label: int | None) -> list[float]:
    """Of each direction the share of the first layer's variance; [] for a generator without."""
    try:
        found = model.directions_of(label)
    except InputError:  # it does not say what its first layer is, or ignores z
        return []
    return found.explained[:DIRECTIONS].tolist()


def one(model: Model, wish: Wish, at: int) -> dict[str, Any]:
    """What stands beside one image."""
    return {"command": wish.only([at]).command(model, "sample.png")}


def walk(model: Model, wish: Wish, ends: tuple[int, int]) -> dict[str, Any]:
    """The frames from one image to another and back, as in the film that can be kept."""
    chosen = wish.only(ends)
    seeds, labels = chosen.made(model)
    frames = model.sampler.interpolate(seeds, labels, wish.truncation, STEPS, loop=True)
    return {
        "sheet": sheet(frames),
        "frames": len(frames),
        "command": chosen.command(model, "walk.gif", "--interpolate"),
    }


def file(model: Model, wish: Wish, kind: str, places: list[int]) -> tuple[bytes, str]:
    """What the command line writes, and its media type.

    Args:
        kind: of KINDS; npz: the latents that its `--latents` takes.
        places: all images when it is empty, one of them, or the two ends of a walk.
    """
    if kind not in KINDS:
        raise InputError(f"A file of the kind {kind[:20]!r} cannot be made here.")
    walks = len(places) == 2
    chosen = wish.only(places) if places else wish
    if len(places) > 2 or (f".{kind}" in FILMS and not walks):
        raise InputError("A film leads from one image to one other.")
    with writing("A temporary file"), tempfile.TemporaryDirectory(prefix="saddle-") as folder:
        out = Path(folder) / f"made.{kind}"
        if kind == "npz":
            seeds, labels = chosen.start(model)
            given = model.sampler.labels_for(seeds, labels)
            write_latents(out, model.sampler.z_of(seeds), given)
        else:
            seeds, labels = chosen.made(model)
            sample_to(model.sampler, out, seeds, labels, wish.truncation, interpolate=walks)
        return read_bytes(out), KINDS[kind]


def sheet(images: np.ndarray) -> str:
    """uint8 [n, h, w, c] -> the address of one picture that holds them below each other."""
    content = png_bytes(images.reshape(-1, *images.shape[2:]))
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
