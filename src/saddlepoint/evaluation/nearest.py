"""`saddle sample --nearest`: every sample with its seed and the training images nearest to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.checks import in_range
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.images import enlarge, grid, name_both, write_png
from saddlepoint.core.measures import LoadedExtractor, Progress, no_progress
from saddlepoint.core.outputs import output_file, writing
from saddlepoint.core.provenance import training_data
from saddlepoint.core.runs import Run
from saddlepoint.data.progress import progress_bars
from saddlepoint.evaluation.bank import bank_of
from saddlepoint.evaluation.choose import FeatureChoice, choose_extractor
from saddlepoint.evaluation.metrics.memorisation import closest_of
from saddlepoint.evaluation.sets import ImageSet, subset_of
from saddlepoint.sampling.edits import Edit, edited
from saddlepoint.sampling.sampler import load_sampler
from saddlepoint.sampling.seeds import Seeds, names_of

NEIGHBOURS = 3
COLUMNS = 10
"""Samples beside each other on a sheet."""
SHORTEST = 200
"""Pixels of a band's shorter side, at least."""
MOST = 1000
"""Samples of a sheet."""
MOST_EXPENSIVE = 10_000
"""Training images that a large network looks at."""


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The training images nearest to some images, by the features used for memorisation."""

    index: np.ndarray
    """int64 [n, k]: their numbers among the training images looked at, in rising distance."""
    images: np.ndarray
    """uint8 [n, k, h, w, c]: the training images themselves."""
    ratio: np.ndarray
    """float64 [n]: distance to the first, over the distance of that one to its own nearest
    neighbour; below 1 a sample is nearer to a training image than any other image is."""


@dataclass(frozen=True, kw_only=True)
class TrainingImages:
    """Training images and their features, among which neighbours are looked for."""

    data: ImageSet
    vectors: Tensor
    """float32 [m, d]."""
    extractor: LoadedExtractor

    @classmethod
    def of(
        cls, train: Dataset, extractor: LoadedExtractor, progress: Progress = no_progress
    ) -> TrainingImages:
        """All of them; a large network looks at 10,000, drawn at random."""
        data = subset_of(train, MOST_EXPENSIVE if extractor.expensive else None, 0, {})
        vectors = bank_of(data, extractor, progress).features.vectors
        return cls(data=data, vectors=vectors, extractor=extractor)

    def nearest(self, images: np.ndarray, k: int = NEIGHBOURS, device: str = "cpu") -> Nearest:
        """The k training images nearest to each of `images`, uint8 [n, h, w, c]."""
        in_range(k, 1, len(self.data) - 1, "k")
        own = self.extractor(torch.from_numpy(np.ascontiguousarray(images))).vectors
        found = closest_of([own], self.vectors, device, k)[0]
        return Nearest(
            index=found.neighbours.numpy(),
            images=self.data.images[found.neighbours.numpy()],
            ratio=found.share.sqrt().numpy(),
        )


def nearest_training(
    images: np.ndarray,
    train: Dataset,
    extractor: LoadedExtractor,
    k: int = NEIGHBOURS,
    device: str = "cpu",
    progress: Progress = no_progress,
) -> Nearest:
    """The k training images nearest to each of `images`, uint8 [n, h, w, c]; see
    `TrainingImages`."""
    return TrainingImages.of(train, extractor, progress).nearest(images, k, device)


def nearest_to(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    seeds: Seeds = range(20),
    labels: Sequence[int] | None = None,
    truncation: float = 1.0,
    features: FeatureChoice = "auto",
    edit: Edit | None = None,
    quiet: bool = False,
) -> tuple[Nearest, str]:
    """Write a sheet of a run's samples, below each the training images nearest to it.

    Returns:
        What is nearest, and a sentence that says by which features.

    Raises:
        InputError: no run, its training data are absent or have changed, a model of points,
            more than 1,000 samples, or an `out` that is no .png or cannot be written.
    """
    path = output_file(out, [".png"])
    in_range(len(seeds), 1, MOST, "--nearest: the number of samples")
    run = Run.open(model)
    sampler = load_sampler(run.path)
    sampler.require_images()
    made = sampler.images(*edited(sampler, seeds, labels, edit or Edit()), truncation)
    train = training_data(run)
    with progress_bars(quiet) as progress:
        extractor, said = choose_extractor(features, train, "cpu", progress)
        k = min(NEIGHBOURS, len(train) - 1)
        found = nearest_training(made, train, extractor, k, "cpu", progress)
    with writing(f"--out {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, _sheet(made, found.images, names_of(seeds)))
    return found, said


def _sheet(made: np.ndarray, near: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Bands of COLUMNS samples, each with its neighbours below it."""
    columns = min(COLUMNS, len(made))
    rows = ("sample", "nearest", "second", "third")[: 1 + near.shape[1]]
    bands = []
    for first in range(0, len(made), columns):
        stacks = np.concatenate([made[:, None], near], axis=1)[first : first + columns]
        blank = np.full((columns - len(stacks), *stacks.shape[1:]), 255, np.uint8)
        cells = np.concatenate([stacks, blank]).swapaxes(0, 1)
        sheet = enlarge(grid(cells.reshape(-1, *cells.shape[2:]), columns), SHORTEST)
        here = [*names[first : first + columns], *[""] * len(blank)]
        bands.append(name_both(sheet, rows, here))
    return np.concatenate(bands)
