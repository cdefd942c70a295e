"""`saddle project`: pictures -> the latents of a model that come nearest to them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor

from saddlepoint.core.checks import MOST_SEED, in_range
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Progress, no_progress
from saddlepoint.core.provenance import read_config
from saddlepoint.core.runs import Run, run_of_part
from saddlepoint.data.picture import read_as
from saddlepoint.data.progress import progress_bars
from saddlepoint.evaluation.extractors.classifier import Classifier
from saddlepoint.sampling.projection import Features, Projection, Step, project
from saddlepoint.sampling.sampler import Sampler, load_sampler

FeatureUse = Literal["auto", "classifier", "pixels"]
MOST_PICTURES = 100
"""They stand below each other on one sheet."""


@dataclass(frozen=True, kw_only=True)
class Projected:
    """A picture of a user's and what was found for it."""

    file: Path
    picture: np.ndarray
    """uint8 [h, w, c]: the picture as the model could make it."""
    notes: list[str]
    """What was done to bring it there."""
    found: Projection


@dataclass(frozen=True, kw_only=True)
class Projecting:
    """All pictures of one call."""

    sampler: Sampler
    pictures: list[Projected]
    features: str
    """A sentence that says what was compared besides the pixels."""


def project_pictures(
    model: str | os.PathLike[str],
    pictures: Sequence[str | os.PathLike[str]],
    *,
    labels: Sequence[int] | None = None,
    steps: int = 200,
    seed: int = 0,
    features: FeatureUse = "auto",
    device: str = "cpu",
    quiet: bool = False,
) -> Projecting:
    """Find the latent that comes nearest to each picture; each on its own, whatever the others.

    Args:
        model: a run, one of its checkpoints, or an ema.safetensors.
        labels: the classes to try, of a conditional model; None: all.
        features: whether a classifier of the run's training data compares as well; auto: where
            there are such data.

    Raises:
        InputError: no such model, a picture that cannot be read, or as `projection.project`.
    """
    in_range(len(pictures), 1, MOST_PICTURES, "The number of pictures")
    in_range(seed, 0, MOST_SEED, "--seed")
    sampler = load_sampler(Path(model), device)
    sampler.require_images()
    given = [(Path(file), *read_as(file, sampler.spec)) for file in pictures]
    done = []
    with progress_bars(quiet) as progress:
        compare, said = features_for(Path(model), sampler, features, progress)
        for number, (file, picture, notes) in enumerate(given):

            def step(now: Step, before: int = number) -> None:
                progress("Projecting (steps)", before * now.of + now.done, len(given) * now.of)

            found = project(sampler, picture, compare, labels, steps, seed, step)
            done.append(Projected(file=file, picture=picture, notes=notes, found=found))
    return Projecting(sampler=sampler, pictures=done, features=said)


def features_for(
    model: Path, sampler: Sampler, wanted: FeatureUse, progress: Progress = no_progress
) -> tuple[Features | None, str]:
    """What compares images besides their pixels, and a sentence about it.

    Raises:
        InputError: a classifier is wanted, and there are no data that it could learn from.
    """
    if wanted == "pixels":
        return None, "Compared by pixels."
    try:
        folder = model if (model / "config.json").is_file() else run_of_part(model)
        if folder is None:
            raise InputError(f"{model} is not in a run folder, so its data are unknown.")
        data = read_config(Run.open(folder)).source.open()
        if data.spec != sampler.spec:
            raise InputError(f"{data.name} holds other images than the model makes.")
        extractor = Classifier()
        if why := extractor.unfit(data):
            raise InputError(why)
    except InputError as error:
        if wanted == "classifier":
            raise
        return None, f"Compared by pixels alone ({str(error).rstrip('.')})."
    net = extractor.load(data, sampler.device, progress).net

    def vectors(images: Tensor) -> Tensor:
        return net(images)[0]

    return vectors, f"Compared by pixels and the features of a classifier of {data.name}."
