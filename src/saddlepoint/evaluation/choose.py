"""From what a user gives as `features` to an extractor that is ready."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from saddlepoint.core import registry
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Extractor, LoadedExtractor, Progress, no_progress
from saddlepoint.core.paths import given_path
from saddlepoint.evaluation.extractors._networks import LoadedModule

FeatureChoice = str | Extractor | nn.Module
"""What may be given as `features`: a word as on the command line, an extractor with its fields set,
or a module (see extractors/_networks.py)."""

AUTO = ("inception", "classifier", "rotations", "pixels")
"""Tried in this order: what most published numbers use, then what works offline."""
BY_ENDING = {".safetensors": "dinov2", ".onnx": "onnx"}
"""Which extractor a file belongs to; any other file or folder is taken for Inception's weights."""


def choose_extractor(
    features: FeatureChoice,
    reference: Dataset,
    device: str = "cpu",
    progress: Progress = no_progress,
) -> tuple[LoadedExtractor, str]:
    """The extractor that `features` means, loaded.

    Args:
        features: auto, a registered name, a file of weights (a folder for Inception's), an
            extractor, or a module.
        reference: the data that a classifier learns from.
        progress: called during slow work, such as training a classifier.

    Returns:
        The extractor, and a sentence that says which one was chosen and why.

    Raises:
        InputError: neither a name nor a path; or it cannot be loaded.
    """
    if isinstance(features, nn.Module):
        loaded = LoadedModule(features, reference)
        return loaded, f"Features: {_described(loaded)}."
    why = ""
    if features == "auto":
        features, why = _automatic(reference)
    elif isinstance(features, str):
        features = _named(features)
    loaded = features.load(reference, device, progress)
    return loaded, f"Features: {_described(loaded)}{why}."


def _automatic(reference: Dataset) -> tuple[Extractor, str]:
    """The first extractor of AUTO that fits the data, and why not an earlier one."""
    reasons = []
    for name in AUTO:
        extractor = registry.get("extractor", name)()
        reason = extractor.unfit(reference)
        if not reason:
            return extractor, f" (auto{''.join(f'; not {r}' for r in reasons)})"
        reasons.append(f"{name}: {reason}")
    raise InputError(f"--features auto: nothing fits {reference.name} ({'; '.join(reasons)}).")


def _named(text: str) -> Extractor:
    """The extractor of that name, or the one that a file of weights belongs to."""
    names = registry.names("extractor")
    if text in names:
        return registry.get("extractor", text)()
    if given_path(text).exists():
        kind = BY_ENDING.get(Path(text).suffix, "inception")
        return registry.get("extractor", kind)(weights=text)
    hint = registry.unknown("features", text, ["auto", *names]).rstrip(".?")
    raise InputError(f"--features {text}: {hint}; and no such file exists.")


def _described(extractor: LoadedExtractor) -> str:
    protocol = extractor.protocol
    words = " ".join(str(protocol[key]) for key in ("kind", "class", "size") if key in protocol)
    if "accuracy" in protocol:
        words += f", {100 * protocol['accuracy']:.1f} % accurate on held-out images"
    if protocol.get("sha256"):
        words += f", sha256 {protocol['sha256'][:12]}"
    return words
