"""The sets of images that are measured: from data, or drawn from a generator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.limits import require_memory
from saddlepoint.core.measures import Progress, no_progress
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.ranks import ALONE, Ranks
from saddlepoint.data.arrays import fingerprint
from saddlepoint.data.drawing import affordable, drawn_items
from saddlepoint.sampling.sampler import Sampler

PART = 1000
"""Images that are drawn, or whose features are computed, in one go: by one of the ranks."""


@dataclass(frozen=True, kw_only=True)
class ImageSet(Dataset):
    """Real images, or samples labelled by what they were conditioned on."""

    origin: dict[str, Any]
    """JSON: where the images came from and how they were chosen."""


def subset_of(dataset: Dataset, n: int | None, seed: int, origin: dict[str, Any]) -> ImageSet:
    """n images of a data set, drawn without replacement; all of them if it has no more.

    The draw depends on n: a smaller subset is not part of a larger one. Of data in shards "all" are
    what is affordable.
    """
    n = affordable(dataset) if n is None else n
    images, labels = dataset.images, dataset.labels
    mark = dataset.fingerprint
    if dataset.quarantined:
        origin = {**origin, "unreadable": dict(dataset.quarantined)}
    if n < len(dataset):
        # Named generator and seed: the same images on every machine and in every numpy version.
        drawing = np.random.Generator(np.random.PCG64(derive_seed(seed, "real-images", n)))
        chosen = drawn_items(dataset, n, drawing)
        images, labels = images[chosen], None if labels is None else labels[chosen]
        mark = fingerprint(dataset.spec, images, labels)
        origin = {**origin, "of": len(dataset), "chosen": f"at random, seed {seed}"}
    return ImageSet(
        name=dataset.name,
        spec=dataset.spec,
        images=images,
        labels=labels,
        classes=dataset.classes,
        fingerprint=mark,
        origin={**origin, "name": dataset.name, "fingerprint": mark, "n": len(images)},
    )


def drawn_from(
    sampler: Sampler,
    n: int,
    first_seed: int,
    name: str,
    truncation: float = 1.0,
    labels: np.ndarray | None = None,
    progress: Progress = no_progress,
    ranks: Ranks = ALONE,
) -> ImageSet:
    """Images of seeds first_seed, first_seed + 1, ... of a generator.

    Args:
        labels: int64 [m], assigned to the seeds in turn; with those of the real images both sets
            have the same class counts. Ignored by an unconditional generator.
        ranks: each draws its parts; only rank 0 has them all, and the others zeros in their place.
    """
    spec = sampler.spec
    bytes_each = math.prod(spec.shape) * (1 if spec.is_image else 4)
    require_memory(n * bytes_each, f"{n:,} samples of {name}", "give a smaller --n")
    asked = None
    if sampler.conditional:
        wanted = np.arange(sampler.spec.n_classes) if labels is None else labels
        asked = np.resize(wanted, n).astype(np.int64)

    def draw(part: slice) -> dict[str, Tensor]:
        seeds = range(first_seed + part.start, first_seed + part.stop)
        given = None if asked is None else asked[part].tolist()
        made = np.concatenate(list(sampler.portions(seeds, given, truncation)))
        return {"images": torch.from_numpy(made)}

    shape = (*spec.shape[1:], spec.channels) if spec.is_image else spec.shape
    # Pages that are never written take no memory.
    images = np.zeros((n, *shape), np.uint8 if spec.is_image else np.float32)
    for number, part in enumerate(parts_of(n)):
        drawn = ranks.brought(number % ranks.size, partial(draw, part))
        if drawn is not None:
            images[part] = drawn["images"].numpy()
        progress(f"Samples of {name}", part.stop, n)
    mark = ranks.told(fingerprint(spec, images, asked) if ranks.leads else None)
    return ImageSet(
        name=name,
        spec=spec,
        images=images,
        labels=asked,
        classes=sampler.classes if sampler.conditional else (),
        fingerprint=mark,
        origin={
            "name": name,
            "fingerprint": mark,
            "n": n,
            "seeds": f"{first_seed}-{first_seed + n - 1}",
            "truncation": truncation,
            "trained_images": sampler.n_images,
            "labels": "as the real images" if asked is not None else None,
        },
    )


def parts_of(n: int) -> list[slice]:
    """n images in parts of PART. Part i is that of rank i modulo their number, so that images are
    in the same batches however many ranks there are."""
    return [slice(first, min(first + PART, n)) for first in range(0, n, PART)]


def check_alike(real: ImageSet, fake: ImageSet, k: int, resized: bool) -> None:
    """Raises InputError if the two sets cannot be compared.

    Args:
        resized: the extractor brings images of any size to its own.
    """
    if real.spec.is_image != fake.spec.is_image:
        raise InputError(
            f"{real.name} and {fake.name} cannot be compared: one holds images, the other points."
        )
    one_size = resized or real.spec.shape[1:] == fake.spec.shape[1:]
    if real.spec.is_image and not (one_size and real.spec.channels == fake.spec.channels):
        raise InputError(
            f"{real.name} holds {_kind(real)} and {fake.name} holds {_kind(fake)}; bring both to "
            "one size and one kind of colour with `saddle data prepare --size --channels`."
        )
    if real.labels is not None and fake.labels is not None:
        label, n_classes = int(fake.labels.max()), real.spec.n_classes
        if label >= n_classes:
            raise InputError(
                f"{fake.name} holds the label {label}, but {real.name} has {n_classes} classes, 0 "
                f"to {n_classes - 1}; use the same classes for both, or leave the labels out."
            )
    for images in (real, fake):
        if len(images) < k + 1:
            raise InputError(
                f"{images.name} has {len(images)} image(s), and k = {k} neighbours need at least "
                f"{k + 1}; give more images."
            )


def _kind(images: ImageSet) -> str:
    colour = "colour" if images.spec.channels == 3 else "grey"
    return f"{colour} images of {images.spec.size}x{images.spec.size} pixels"
