"""Features of a set, extracted once and cached under the content that they were computed from.

The key of a bank is the sha256 of the set's fingerprint and the extractor's whole protocol (and its
mark, if any): other images, weights or resizing give another key, so a cached bank cannot be stale.
It is kept in parts: after a kill the parts that exist are not computed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder, sha256_of_json
from saddlepoint.core.measures import FeatureSet, LoadedExtractor, Progress, no_progress
from saddlepoint.evaluation.sets import ImageSet
from saddlepoint.evaluation.tensor_files import cached_tensors

PART = 1000
"""Images in a part: what a kill can cost."""


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
) -> Bank:
    """Read the features of a set from the cache, or extract them.

    Raises:
        InputError: a feature is NaN or infinite.
    """
    # The mark only where there is one, so that all other keys stay what they were.
    made_of = [images.fingerprint, extractor.protocol, *([extractor.mark] * bool(extractor.mark))]
    folder = cache_folder() / "features" / sha256_of_json(made_of)[:32]

    def extract(first: int, last: int) -> dict[str, Tensor]:
        array = np.array(images.images[first:last])  # torch needs a writable copy of a memory map
        vectors, logits = extractor(torch.from_numpy(array))
        return {"vectors": vectors} | ({} if logits is None else {"logits": logits})

    parts = []
    for first in range(0, len(images), PART):
        last = min(first + PART, len(images))
        file = folder / f"{first:08d}-{last:08d}.safetensors"
        parts.append(cached_tensors(file, lambda first=first, last=last: extract(first, last)))
        progress(f"Features of {images.name}", last, len(images))
    vectors = torch.cat([part["vectors"] for part in parts])
    finite = torch.isfinite(vectors).all(1)
    if not finite.all():
        bad = int((~finite).nonzero()[0])
        raise InputError(
            f"The features of image {bad} of {images.name} are not finite; check its values and "
            "the extractor's weights."
        )
    features = FeatureSet(
        vectors=vectors,
        logits=torch.cat([part["logits"] for part in parts]) if "logits" in parts[0] else None,
        labels=None if images.labels is None else torch.from_numpy(images.labels),
    )
    return Bank(features=features, folder=folder)
