"""Features of a set, extracted once and kept under the content that they were made of.

The key of a bank is the sha256 of the set's fingerprint and the extractor's whole protocol (and its
mark, if any): other images, weights or resizing are another key, so a cached bank cannot be stale.
It is kept in parts, each written whole with the hash of what it holds and the key it was made for;
after a kill the parts that exist are not made again, and a damaged one is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder, write_atomically
from saddlepoint.core.measures import Features, FeatureSet, LoadedExtractor, Progress, no_progress
from saddlepoint.evaluation.sets import ImageSet

PART = 1000
"""Images in a part: what a kill can cost."""


@dataclass(frozen=True, kw_only=True)
class Bank:
    """Features of a set and the place where they are kept."""

    features: FeatureSet
    folder: Path
    """Other things that follow from the same content may be cached here."""


def bank_of(
    images: ImageSet,
    extractor: LoadedExtractor,
    progress: Progress = no_progress,
) -> Bank:
    """Read or make the features of a set.

    Raises:
        InputError: a feature is NaN or infinite.
    """
    made_of = [images.fingerprint, extractor.protocol, *([extractor.mark] * bool(extractor.mark))]
    text = json.dumps(made_of, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:32]
    folder = cache_folder() / "features" / key
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for number, first in enumerate(range(0, len(images), PART)):
        file = folder / f"{number:05d}.safetensors"
        n = min(PART, len(images) - first)
        part = _read(file, n)
        if part is None:
            array = np.array(images.images[first : first + n])  # a copy torch may own
            part = extractor(torch.from_numpy(array))
            _write(file, part)
        parts.append(part)
        progress(f"Features of {images.name}", first + n, len(images))
    vectors = torch.cat([part.vectors for part in parts])
    finite = torch.isfinite(vectors).all(1)
    if not finite.all():
        bad = int((~finite).nonzero()[0])
        raise InputError(
            f"The features of image {bad} of {images.name} are not finite; check its values and "
            "the extractor's weights."
        )
    logits = [part.logits for part in parts if part.logits is not None]
    features = FeatureSet(
        vectors=vectors,
        logits=torch.cat(logits) if len(logits) == len(parts) else None,
        labels=None if images.labels is None else torch.from_numpy(images.labels),
    )
    return Bank(features=features, folder=folder)


def cached_tensors(file: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors kept in one file with the hash of their content; made when absent or damaged."""
    found = _intact(file)
    if found is None:
        found = {name: value.contiguous() for name, value in make().items()}
        _save(file, found)
    return found


def _write(file: Path, part: Features) -> None:
    content = {"vectors": part.vectors.contiguous()}
    if part.logits is not None:
        content["logits"] = part.logits.contiguous()
    _save(file, content)


def _read(file: Path, n: int) -> Features | None:
    content = _intact(file)
    if content is None or len(content["vectors"]) != n:
        return None
    return Features(content["vectors"], content.get("logits"))


def _save(file: Path, content: dict[str, Tensor]) -> None:
    metadata = {"sha256": _hash(content), "place": _place(file)}
    write_atomically(file, safetensors.torch.save(content, metadata))


def _intact(file: Path) -> dict[str, Tensor] | None:
    try:
        # Copied, as fresh memory is aligned: products of tensors that are not round differently.
        content = {name: t.clone() for name, t in safetensors.torch.load_file(file).items()}
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata() or {}
    except (OSError, SafetensorError):
        return None
    # A file that was copied here from the bank of another extractor is whole, but not this one's.
    intact = metadata.get("sha256") == _hash(content) and metadata.get("place") == _place(file)
    return content if intact else None


def _place(file: Path) -> str:
    """The bank's key, which names images and extractor, and the part."""
    return f"{file.parent.name}/{file.name}"


def _hash(content: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(content.items()):
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()
