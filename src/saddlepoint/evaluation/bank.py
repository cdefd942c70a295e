"""Features of a set and what depends on them alone, cached under the content they come from.

The key of a bank is the sha256 of the set's fingerprint and the extractor's whole protocol (and its
mark, if any): other images, weights or resizing give another key, so a cached bank cannot be stale.
It is kept in parts: after a kill the parts that exist are not computed again. Results beside them
are named after all other things that decide their content.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder
from saddlepoint.core.json_files import sha256_of_json
from saddlepoint.core.measures import Comparison, FeatureSet, LoadedExtractor, Progress, no_progress
from saddlepoint.core.ranks import ALONE, Ranks
from saddlepoint.evaluation.metrics._kernel import subset_size
from saddlepoint.evaluation.metrics._moments import Moments
from saddlepoint.evaluation.metrics._pairwise import RealPairs, real_pairs
from saddlepoint.evaluation.sets import ImageSet, parts_of
from saddlepoint.evaluation.tensor_files import cached_tensors, read_tensors, write_tensors

OF_REFERENCE = ("moments-real", "pairs-real")
"""Names in Comparison.shared of results that hold for other fakes of the same number, too."""


@dataclass(frozen=True, kw_only=True)
class Bank:
    """Features of a set and the folder where they are cached."""

    features: FeatureSet
    folder: Path
    """Other results that depend only on the same content may be cached here."""


def bank_of(
    images: ImageSet,
    extractor: LoadedExtractor,
    progress: Progress = no_progress,
    ranks: Ranks = ALONE,
) -> Bank:
    """Read the features of a set from the cache, or extract them.

    Args:
        ranks: all call this at the same time; rank 0 reads and writes the cache.

    Raises:
        InputError: a feature is NaN or infinite.
    """
    # The mark only where there is one, so that all other keys stay what they were.
    made_of = [images.fingerprint, extractor.protocol, *([extractor.mark] * bool(extractor.mark))]
    folder = cache_folder() / "features" / sha256_of_json(made_of)[:32]

    slices = parts_of(len(images))
    files = [folder / f"{part.start:08d}-{part.stop:08d}.safetensors" for part in slices]
    kept = [read_tensors(file) if ranks.leads else None for file in files]
    lacking = ranks.told([number for number, found in enumerate(kept) if found is None], long=True)
    parts = []
    for number, (part, file, found) in enumerate(zip(slices, files, kept, strict=True)):
        made = found and found[0]
        if number in lacking:
            made = ranks.brought(number % ranks.size, partial(_extract, images, extractor, part))
        if ranks.leads:
            assert made is not None
            parts.append(made)
            if number in lacking:
                write_tensors(file, made)
        progress(f"Features of {images.name}", part.stop, len(images))
    joined = {name: torch.cat([part[name] for part in parts]) for name in (parts or [{}])[0]}
    joined = ranks.given(joined if ranks.leads else None)
    vectors = joined["vectors"]
    finite = torch.isfinite(vectors).all(1)
    if not finite.all():
        bad = int((~finite).nonzero()[0])
        raise InputError(
            f"The features of image {bad} of {images.name} are not finite; check its values and "
            "the extractor's weights."
        )
    features = FeatureSet(
        vectors=vectors,
        logits=joined.get("logits"),
        labels=None if images.labels is None else torch.from_numpy(images.labels),
    )
    return Bank(features=features, folder=folder)


def _extract(images: ImageSet, extractor: LoadedExtractor, part: slice) -> dict[str, Tensor]:
    array = np.array(images.images[part])  # torch needs a writable copy of a memory map
    vectors, logits = extractor(torch.from_numpy(array))
    found = {"vectors": vectors} | ({} if logits is None else {"logits": logits})
    return {name: value.contiguous() for name, value in found.items()}


def keep_reference(comparison: Comparison, folder: Path) -> None:
    """Put the moments and the pairs of the real images into `shared`, from the folder if there."""
    comparison.shared["moments-real"] = _moments(comparison, folder)
    comparison.shared["pairs-real"] = _pairs(comparison, folder)


def _moments(comparison: Comparison, folder: Path) -> Moments:
    """Mean, covariance and its factor."""
    device = comparison.device

    def make() -> dict[str, Tensor]:
        made = Moments.of(comparison.real.vectors, device=device)
        names = ("total", "products", "factor")
        return {name: getattr(made, name).cpu() for name in names}

    # `moments.safetensors`, from before the Cholesky factor, holds a symmetric root.
    kept = cached_tensors(folder / "moments-factor.safetensors", make)
    return Moments(
        n=float(len(comparison.real)),
        total=kept["total"].to(device),
        products=kept["products"].to(device),
        kept_factor=kept["factor"].to(device),
    )


def _pairs(comparison: Comparison, folder: Path) -> RealPairs:
    """Radii, and the kernel's sums within the groups of images that seed and sizes decide."""

    def make() -> dict[str, Tensor]:
        made = real_pairs(comparison)
        return {"radii": made.radii.cpu(), "kernel_sums": made.kernel_sums.cpu()}

    c = comparison
    decides = f"k{c.k}-subsets{subset_size(c)}-seed{c.seed}-bootstrap{c.n_bootstrap}-{c.dtype}"
    kept = cached_tensors(folder / f"pairs-{decides}.safetensors", make)
    return RealPairs(**{name: value.to(comparison.device) for name, value in kept.items()})
